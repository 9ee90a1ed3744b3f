use super::{
    ExperimentError, Measurement, NamedChild, Setting, Training, convergence, finetune, from_scratch, initialisation,
    main_results, map, rates, regularisation, shrink,
};
use nestling_core::space::ValidatedSpace;

/// An experiment of the paper, or one that its readers asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Experiment {
    /// Children at four budgets beside fixed networks of the same cost.
    MainResults,
    /// Children as sliced, and fine-tuned at three rates.
    Finetune,
    /// Children as sliced, and trained alone with and without distillation.
    FromScratch,
    /// Zero gamma or not, at the full and at 30 % of the rate.
    Initialisation,
    /// Exponential decay with and without constant ending.
    Convergence,
    /// Weight decay and dropout on all children, or on the biggest only.
    Regularisation,
    /// Networks trained alone at other rates.
    Rates,
    /// Distilled children join later.
    Shrink,
    /// Sliced and trained alone, over images, epochs and the size of the smallest child.
    Map,
}

/// The common ground of an experiment's trainings.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Images, epochs and recipe.
    pub setting: Setting,
    /// The supernet's space.
    pub space: ValidatedSpace,
    /// S, M, L and XL ([`four_children`](super::four_children)); none until they are selected.
    pub children: Vec<NamedChild>,
    /// The variants that are measured; none: all.
    pub variants: Vec<String>,
}

impl Plan {
    /// The plan of a setting, without S, M, L and XL.
    ///
    /// # Errors
    /// [`ExperimentError`] if the recipe is wrong.
    pub fn new(setting: Setting) -> Result<Self, ExperimentError> {
        let space = setting.recipe.validate()?;
        Ok(Self { children: Vec::new(), variants: Vec::new(), space, setting })
    }

    /// The supernet of a seed, which most experiments share.
    pub fn supernet(&self, seed: u64) -> Training {
        Training::new("supernet", self.setting.config(seed))
    }

    /// The smallest and the biggest child of the space: those whose curves the paper shows.
    pub fn ends(&self) -> [NamedChild; 2] {
        let of = |name: &str, child| NamedChild { name: name.to_owned(), child };
        [of("smallest", self.space.smallest()), of("biggest", self.space.biggest())]
    }

    /// Measurements of some children of one training.
    pub(super) fn of<'a>(
        &self,
        variant: &str,
        training: &Training,
        children: impl IntoIterator<Item = &'a NamedChild>,
    ) -> Vec<Measurement> {
        let measurement = |child: &NamedChild| Measurement {
            child: child.clone(),
            variant: variant.to_owned(),
            training: training.clone(),
        };
        children.into_iter().map(measurement).collect()
    }
}

impl Experiment {
    /// All experiments, in the order of the paper.
    pub const ALL: [Self; 9] = [
        Self::MainResults,
        Self::Initialisation,
        Self::Convergence,
        Self::Regularisation,
        Self::Finetune,
        Self::FromScratch,
        Self::Rates,
        Self::Shrink,
        Self::Map,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::MainResults => "main-results",
            Self::Finetune => "finetune",
            Self::FromScratch => "from-scratch",
            Self::Initialisation => "initialisation",
            Self::Convergence => "convergence",
            Self::Regularisation => "regularisation",
            Self::Rates => "rates",
            Self::Shrink => "shrink",
            Self::Map => "map",
        }
    }

    /// The question that it answers.
    pub fn question(self) -> &'static str {
        match self {
            Self::MainResults => "How accurate are sliced children beside fixed networks of the same cost?",
            Self::Finetune => "Does fine-tuning make a sliced child better?",
            Self::FromScratch => "Is a sliced child better than the same network trained alone?",
            Self::Initialisation => "Does the training need gamma 0 in the last batch norm of each block?",
            Self::Convergence => "Does a constant ending help small and big children?",
            Self::Regularisation => "Which children should weight decay and dropout act on?",
            Self::Map => "When is a sliced child better than the same network trained alone?",
            Self::Rates => "Would another rate make the networks trained alone better?",
            Self::Shrink => "May the other children join after the biggest has learned?",
        }
    }

    /// Where the paper shows its result.
    pub fn source(self) -> &'static str {
        match self {
            Self::MainResults => "BigNAS, table of main results (Fig. 3)",
            Self::Finetune => "BigNAS, table of fine-tuning",
            Self::FromScratch => "BigNAS, table of training from scratch",
            Self::Initialisation => "BigNAS, initialisation (Fig. 5)",
            Self::Convergence => "BigNAS, convergence behaviour (Fig. 6)",
            Self::Regularisation => "BigNAS, regularisation (Fig. 7)",
            Self::Rates => "none: the paper does not name the rates of its networks trained alone",
            Self::Shrink => "after DepS (ECCV 2024), of which only the delay is here",
            Self::Map => "none: the paper has one data set",
        }
    }

    /// Whether it measures S, M, L and XL, and not the ends of the space.
    pub fn needs_four_children(self) -> bool {
        matches!(self, Self::MainResults | Self::Finetune | Self::FromScratch | Self::Rates | Self::Shrink)
    }

    /// Whether it measures the smallest and the biggest child beside S, M, L and XL: those that learn in every step.
    pub fn needs_ends_too(self) -> bool {
        self == Self::Finetune
    }

    /// Whether curves over epochs say more than accuracies at the end.
    pub fn has_curves(self) -> bool {
        matches!(self, Self::Initialisation | Self::Convergence | Self::Regularisation)
    }

    /// The settings that it is run in, where `base` is the one that was asked for.
    pub fn settings(self, base: &Setting) -> Vec<Setting> {
        if self == Self::Map { map::settings(base) } else { vec![base.clone()] }
    }

    /// All values of one seed.
    ///
    /// # Errors
    /// [`ExperimentError`] if a child or a network cannot be had in the plan's space.
    pub fn measurements(self, plan: &Plan, seed: u64) -> Result<Vec<Measurement>, ExperimentError> {
        let mut all = self.all_measurements(plan, seed)?;
        all.retain(|one| plan.variants.is_empty() || plan.variants.contains(&one.variant));
        Ok(all)
    }

    /// Checks that the experiment has every variant that the plan asks for. No child needs to be selected yet.
    ///
    /// # Errors
    /// [`ExperimentError::NoVariant`] with the names that there are.
    pub fn check_variants(self, plan: &Plan) -> Result<(), ExperimentError> {
        if plan.variants.is_empty() {
            return Ok(());
        }
        // The names of variants do not depend on the children.
        let known = self.variants(&Plan { children: plan.ends().to_vec(), ..plan.clone() })?;
        match plan.variants.iter().find(|variant| !known.contains(variant)) {
            Some(variant) => Err(ExperimentError::NoVariant {
                experiment: self.name(),
                variant: variant.clone(),
                known: known.join(", "),
            }),
            None => Ok(()),
        }
    }

    /// The names of all variants.
    pub(super) fn variants(self, plan: &Plan) -> Result<Vec<String>, ExperimentError> {
        let mut names: Vec<String> = Vec::new();
        for one in self.all_measurements(plan, 1)? {
            if !names.contains(&one.variant) {
                names.push(one.variant);
            }
        }
        Ok(names)
    }

    fn all_measurements(self, plan: &Plan, seed: u64) -> Result<Vec<Measurement>, ExperimentError> {
        match self {
            Self::MainResults => main_results::measurements(plan, seed),
            Self::Finetune => Ok(finetune::measurements(plan, seed)),
            Self::FromScratch => Ok(from_scratch::measurements(plan, seed)),
            Self::Initialisation => Ok(initialisation::measurements(plan, seed)),
            Self::Convergence => Ok(convergence::measurements(plan, seed)),
            Self::Regularisation => Ok(regularisation::measurements(plan, seed)),
            Self::Rates => Ok(rates::measurements(plan, seed)),
            Self::Shrink => Ok(shrink::measurements(plan, seed)),
            Self::Map => Ok(map::measurements(plan, seed)),
        }
    }
}

impl std::fmt::Display for Experiment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_variants_are_refused_before_a_child_is_selected() {
        let mut plan = Plan::new(Setting::fashion(6000, 20)).unwrap();
        for experiment in Experiment::ALL {
            plan.variants.clear();
            experiment.check_variants(&plan).unwrap();
            let known = experiment.variants(&Plan { children: plan.ends().to_vec(), ..plan.clone() }).unwrap();
            assert!(known.len() >= 2, "{experiment}: {known:?}");
            assert!(known.iter().all(|name| !name.contains(',')), "a list of variants cannot hold {known:?}");
            plan.variants = known;
            experiment.check_variants(&plan).unwrap();
            plan.variants.push("sideways".to_owned());
            let error = experiment.check_variants(&plan).unwrap_err();
            assert!(error.to_string().contains("no variant `sideways`; it has: "), "{error}");
        }
    }
}
