use crate::space::{ExpandRatio, SearchSpace, SpaceError};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What a child chose in one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StageChoice {
    /// Output channels.
    pub width: u32,
    /// Number of blocks.
    pub depth: u32,
    /// Depthwise kernel size.
    pub kernel: u32,
    /// Expand ratio.
    pub expand_ratio: ExpandRatio,
}

/// One choice for every dimension of a [`SearchSpace`]: a network that can be deployed as it is.
///
/// Prints as, and parses from, one line: resolution, stem width, then widths, depths, kernel sizes and expand ratios by
/// stage, and the head width where there is a head.
///
/// ```
/// use crate::space::{Child, SearchSpace};
/// let smallest = SearchSpace::table1().smallest();
/// let text = smallest.to_string();
/// assert_eq!(text, "r192 s32 w16-24-40-80-112-192-320 d1-2-2-2-2-2-1 k3-3-3-3-3-3-3 e1-6-6-6-6-6-6 h1280");
/// assert_eq!(text.parse::<Child>()?, smallest);
/// # Ok::<(), crate::space::ParseChildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Child {
    /// Input size in pixels.
    pub resolution: u32,
    /// Output channels of the first convolution.
    pub stem_width: u32,
    /// One choice a stage.
    pub stages: Vec<StageChoice>,
    /// Output channels of the head; `None` in a space without one.
    pub head_width: Option<u32>,
}

impl fmt::Display for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{} s{}", self.resolution, self.stem_width)?;
        type Column = fn(&StageChoice) -> String;
        let columns: [(char, Column); 4] = [
            ('w', |s| s.width.to_string()),
            ('d', |s| s.depth.to_string()),
            ('k', |s| s.kernel.to_string()),
            ('e', |s| s.expand_ratio.to_string()),
        ];
        for (letter, column) in columns {
            let numbers: Vec<String> = self.stages.iter().map(column).collect();
            write!(f, " {letter}{}", numbers.join("-"))?;
        }
        self.head_width.map_or(Ok(()), |width| write!(f, " h{width}"))
    }
}

/// Why a text is no child.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no child: {problem}; write one as `r28 s16 w16-32-48 d1-2-2 k3-5-3 e2-4-4 h160`")]
pub struct ParseChildError {
    text: String,
    problem: String,
}

impl FromStr for Child {
    type Err = ParseChildError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |problem: String| ParseChildError { text: text.chars().take(200).collect(), problem };
        let mut words = text.split_whitespace();
        let mut rest = |letter: char| -> Result<&str, ParseChildError> {
            let word = words.next().ok_or_else(|| fail(format!("`{letter}...` is missing")))?;
            word.strip_prefix(letter).ok_or_else(|| fail(format!("`{word}` stands where `{letter}...` should")))
        };
        fn list<T: FromStr>(text: &str) -> Result<Vec<T>, String> {
            text.split('-').map(|number| number.parse().map_err(|_| format!("`{number}` is no number"))).collect()
        }
        let single = |text: &str| text.parse::<u32>().map_err(|_| fail(format!("`{text}` is not one number")));
        let resolution = single(rest('r')?)?;
        let stem_width = single(rest('s')?)?;
        let [widths, depths, kernels] = [list(rest('w')?), list(rest('d')?), list(rest('k')?)];
        let (widths, depths, kernels) = (widths.map_err(fail)?, depths.map_err(fail)?, kernels.map_err(fail)?);
        let expand_ratios: Vec<ExpandRatio> = list(rest('e')?).map_err(fail)?;
        let head_width = match words.next() {
            None => None,
            Some(word) => {
                let width =
                    word.strip_prefix('h').ok_or_else(|| fail(format!("`{word}` stands where `h...` should")))?;
                Some(single(width)?)
            }
        };
        if let Some(extra) = words.next() {
            return Err(fail(format!("`{extra}` is left over")));
        }
        let stages: Vec<StageChoice> = (widths.iter().zip(&depths).zip(&kernels).zip(&expand_ratios))
            .map(|(((&width, &depth), &kernel), &expand_ratio)| StageChoice { width, depth, kernel, expand_ratio })
            .collect();
        if [widths.len(), depths.len(), kernels.len(), expand_ratios.len()] != [stages.len(); 4] {
            return Err(fail("w, d, k and e must have one number for each stage".to_owned()));
        }
        Ok(Self { resolution, stem_width, stages, head_width })
    }
}

impl SearchSpace {
    /// The child that chooses the last (largest) of everything.
    pub fn biggest(&self) -> Child {
        self.choose(|count| count - 1)
    }

    /// The child that chooses the first (smallest) of everything.
    pub fn smallest(&self) -> Child {
        self.choose(|_| 0)
    }

    /// Builds a child by asking `pick`, for every dimension in the order in which a child prints its stages, for an index
    /// below the number of choices.
    pub(super) fn choose(&self, mut pick: impl FnMut(usize) -> usize) -> Child {
        fn at<T: Copy>(list: &[T], pick: &mut impl FnMut(usize) -> usize) -> T {
            list[pick(list.len())]
        }
        Child {
            resolution: at(&self.resolutions, &mut pick),
            stem_width: at(&self.stem.widths, &mut pick),
            stages: (self.stages.iter())
                .map(|stage| StageChoice {
                    width: at(&stage.widths, &mut pick),
                    depth: at(&stage.depths, &mut pick),
                    kernel: at(&stage.kernels, &mut pick),
                    expand_ratio: at(&stage.expand_ratios, &mut pick),
                })
                .collect(),
            head_width: self.head.as_ref().map(|head| at(&head.widths, &mut pick)),
        }
    }

    /// The inverse of [`SearchSpace::choose`]: the index of every choice of a child that the space offers; 0 where it
    /// does not.
    pub(super) fn indices(&self, child: &Child) -> Vec<usize> {
        fn index<T: PartialEq>(list: &[T], value: &T) -> usize {
            list.iter().position(|one| one == value).unwrap_or(0)
        }
        let mut indices =
            vec![index(&self.resolutions, &child.resolution), index(&self.stem.widths, &child.stem_width)];
        for (stage, choice) in self.stages.iter().zip(&child.stages) {
            indices.extend([
                index(&stage.widths, &choice.width),
                index(&stage.depths, &choice.depth),
                index(&stage.kernels, &choice.kernel),
                index(&stage.expand_ratios, &choice.expand_ratio),
            ]);
        }
        indices.extend(self.head.iter().zip(child.head_width).map(|(head, width)| index(&head.widths, &width)));
        indices
    }

    /// Reads a child: `smallest`, `biggest`, or the text that a child prints.
    ///
    /// # Errors
    /// [`SpaceError::Parse`] if the text is no child, [`SpaceError::NotInSpace`] if this space does not offer it.
    pub fn parse_child(&self, text: &str) -> Result<Child, SpaceError> {
        match text.trim() {
            "smallest" => Ok(self.smallest()),
            "biggest" => Ok(self.biggest()),
            text => {
                let child = text.parse()?;
                self.check(&child)?;
                Ok(child)
            }
        }
    }

    /// Checks that this space offers every choice of `child`.
    ///
    /// # Errors
    /// [`SpaceError::NotInSpace`] names the first choice that is not offered, and what is.
    pub fn check(&self, child: &Child) -> Result<(), SpaceError> {
        fn offered<T: PartialEq + ToString>(given: &T, allowed: &[T]) -> Result<(), (String, Vec<String>)> {
            if allowed.contains(given) {
                return Ok(());
            }
            Err((given.to_string(), allowed.iter().map(ToString::to_string).collect()))
        }
        let named = |place: String, outcome: Result<(), (String, Vec<String>)>| {
            outcome.map_err(|(given, allowed)| {
                let problem = format!("{place} is {given}, choose one of [{}]", allowed.join(", "));
                SpaceError::NotInSpace { child: child.to_string(), space: self.name.clone(), problem }
            })
        };
        named("number of stages".into(), offered(&child.stages.len(), &[self.stages.len()]))?;
        named("resolution".into(), offered(&child.resolution, &self.resolutions))?;
        named("stem width".into(), offered(&child.stem_width, &self.stem.widths))?;
        for (index, (choice, stage)) in child.stages.iter().zip(&self.stages).enumerate() {
            let at = |what: &str| format!("{what} of stage {}", index + 1);
            named(at("width"), offered(&choice.width, &stage.widths))?;
            named(at("depth"), offered(&choice.depth, &stage.depths))?;
            named(at("kernel size"), offered(&choice.kernel, &stage.kernels))?;
            named(at("expand ratio"), offered(&choice.expand_ratio, &stage.expand_ratios))?;
        }
        match (&self.head, child.head_width) {
            (None, None) => Ok(()),
            (Some(head), Some(width)) => named("head width".into(), offered(&width, &head.widths)),
            (head, given) => {
                let given = given.map_or("none".to_owned(), |width| width.to_string());
                let allowed = head
                    .as_ref()
                    .map_or(vec!["none".to_owned()], |head| head.widths.iter().map(ToString::to_string).collect());
                named("head width".into(), Err((given, allowed)))
            }
        }
    }
}
