use crate::names::check_name;
use crate::space::error::quoted;
use crate::space::walk::{stage_problem, walk};
use crate::space::{Activation, ExpandRatio, SearchSpace, SpaceError, StageSpace, ValidatedSpace};
use crate::words::any_of;

/// Largest width or class count that a space may name: keeps every product of sizes far from overflow.
const MAX_SIZE: u32 = 16_384;
/// Most weights of a supernet (4 GiB in f32): a bound for untrusted spaces.
const MAX_WEIGHTS: u64 = 1 << 30;

const WIDTH: &str = "a multiple of 4 up to 16384";
const KERNEL: &str = "an odd kernel size up to 7";

fn is_width(n: u32) -> bool {
    n.is_multiple_of(4)
}

fn is_kernel(n: u32) -> bool {
    n % 2 == 1 && n <= 7
}

impl SearchSpace {
    /// Checks every number of the space, and lays out its shared tensors.
    ///
    /// The cost of a hostile space is microseconds: nothing that it describes is allocated before all of it is checked.
    ///
    /// # Errors
    /// [`SpaceError::Invalid`] names the first place that is wrong: an empty or unsorted list, a width that is not a
    /// multiple of 4 (channels are stored in groups of 4), an even kernel size, a zero, or too many weights.
    pub fn validated(self) -> Result<ValidatedSpace, SpaceError> {
        let check = Check { space: &self };
        check.outside_of_stages()?;
        for (index, stage) in self.stages.iter().enumerate() {
            check.stage(index, stage)?;
        }
        check.head()?;
        check.weights()?;
        Ok(ValidatedSpace::new(self))
    }
}

/// The checks of a space.
struct Check<'a> {
    space: &'a SearchSpace,
}

impl Check<'_> {
    fn fail(&self, place: &str, problem: String) -> SpaceError {
        // The name itself may be what is wrong.
        SpaceError::Invalid { space: quoted(&self.space.name), place: place.to_owned(), problem }
    }

    fn outside_of_stages(&self) -> Result<(), SpaceError> {
        let space = self.space;
        check_name(&space.name).map_err(|error| self.fail("name", error.to_string()))?;
        if !matches!(space.input_channels, 1 | 3) {
            return Err(self.fail("input_channels", format!("is {}: 1 (grey) or 3 (RGB)", space.input_channels)));
        }
        if space.classes == 0 || space.classes > MAX_SIZE {
            return Err(self.fail("classes", format!("is {}: between 1 and {MAX_SIZE}", space.classes)));
        }
        self.activation("activation", Some(space.activation))?;
        self.epsilon("norm_epsilon", space.norm_epsilon)?;
        self.choices("resolutions", &space.resolutions, "a size in pixels up to 4096", |n| n <= 4096)?;
        self.choices("stem.widths", &space.stem.widths, WIDTH, is_width)?;
        self.choices("stem.kernel", &[space.stem.kernel], KERNEL, is_kernel)?;
        self.choices("stem.stride", &[space.stem.stride], "1 or 2", |n| n <= 2)?;
        if space.stages.is_empty() || space.stages.len() > 16 {
            return Err(self.fail("stages", format!("has {} entries: between 1 and 16", space.stages.len())));
        }
        Ok(())
    }

    fn stage(&self, index: usize, stage: &StageSpace) -> Result<(), SpaceError> {
        let at = |field: &str| format!("stages[{index}].{field}");
        self.choices(&at("widths"), &stage.widths, WIDTH, is_width)?;
        self.choices(&at("depths"), &stage.depths, "a number of blocks up to 32", |n| n <= 32)?;
        self.choices(&at("kernels"), &stage.kernels, KERNEL, is_kernel)?;
        self.ratios(&at("expand_ratios"), &stage.expand_ratios)?;
        self.choices(&at("stride"), &[stage.stride], "1 or 2", |n| n <= 2)?;
        self.activation(&at("activation"), stage.activation)?;
        self.epsilon(&at("norm_epsilon"), stage.norm_epsilon.unwrap_or(self.space.norm_epsilon))?;
        if let Some(squeeze) = &stage.squeeze_excite {
            self.activation(&at("squeeze_excite.activation"), squeeze.activation)?;
            self.choices(&at("squeeze_excite.reduction"), &[squeeze.reduction], "a number up to 64", |n| n <= 64)?;
            self.choices(&at("squeeze_excite.multiple_of"), &[squeeze.multiple_of], "a number up to 64", |n| n <= 64)?;
        }
        match stage_problem(stage) {
            Some((field, problem)) => Err(self.fail(&at(field), problem.to_owned())),
            None => Ok(()),
        }
    }

    fn head(&self) -> Result<(), SpaceError> {
        let Some(head) = &self.space.head else { return Ok(()) };
        self.choices("head.widths", &head.widths, WIDTH, is_width)?;
        head.expand_ratio.map_or(Ok(()), |ratio| self.ratios("head.expand_ratio", &[ratio]))
    }

    /// Counts the weights of the supernet without laying them out.
    fn weights(&self) -> Result<(), SpaceError> {
        let mut count: u64 = 0;
        walk(self.space, &self.space.last_choices(), |layer| count = count.saturating_add(layer.shape.weights()));
        if count > MAX_WEIGHTS {
            return Err(self.fail("the supernet", format!("has {count} weights, more than {MAX_WEIGHTS}")));
        }
        Ok(())
    }

    fn choices(&self, place: &str, list: &[u32], rule: &str, holds: fn(u32) -> bool) -> Result<(), SpaceError> {
        if list.is_empty() || !list.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(self.fail(place, format!("is {list:?}: list at least one choice, in rising order")));
        }
        match list.iter().find(|&&n| n == 0 || n > MAX_SIZE || !holds(n)) {
            Some(bad) => Err(self.fail(place, format!("holds {bad}: it must be {rule}"))),
            None => Ok(()),
        }
    }

    fn ratios(&self, place: &str, list: &[ExpandRatio]) -> Result<(), SpaceError> {
        if list.is_empty() || !list.windows(2).all(|pair| pair[0] < pair[1]) {
            let given: Vec<String> = list.iter().map(ToString::to_string).collect();
            let given = given.join(", ");
            return Err(self.fail(place, format!("is [{given}]: list at least one expand ratio, in rising order")));
        }
        match list.iter().find(|one| !(ExpandRatio::ONE..=ExpandRatio::MAX).contains(one)) {
            Some(bad) => Err(self.fail(place, format!("holds {bad}: between 1 and {}", ExpandRatio::MAX))),
            None => Ok(()),
        }
    }

    fn activation(&self, place: &str, given: Option<Activation>) -> Result<(), SpaceError> {
        match given.filter(|activation| activation.row().is_gate) {
            Some(gate) => {
                let others = Activation::ALL.map(Activation::row).into_iter().filter(|row| !row.is_gate);
                let choices = any_of(others.map(|row| row.name));
                Err(self.fail(place, format!("is {}, a gate: choose {choices}", gate.row().name)))
            }
            None => Ok(()),
        }
    }

    fn epsilon(&self, place: &str, given: f32) -> Result<(), SpaceError> {
        if given > 0.0 && given < 1.0 {
            return Ok(());
        }
        Err(self.fail(place, format!("is {given}: between 0 and 1, usually 1e-3 or 1e-5")))
    }
}
