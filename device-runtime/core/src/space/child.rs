use crate::space::error::quoted;
use crate::space::{ExpandRatio, SearchSpace, SpaceError, ValidatedSpace};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The choices of a child in one stage.
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
/// use nestling_core::space::{Child, SearchSpace};
/// let smallest = SearchSpace::table1().validated()?.smallest();
/// let text = smallest.to_string();
/// assert_eq!(text, "r192 s32 w16-24-40-80-112-192-320 d1-2-2-2-2-2-1 k3-3-3-3-3-3-3 e1-6-6-6-6-6-6 h1280");
/// assert_eq!(text.parse::<Child>()?, smallest);
/// # Ok::<(), nestling_core::space::SpaceError>(())
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

impl FromStr for Child {
    type Err = SpaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |problem: String| SpaceError::NotAChild { text: quoted(text), problem };
        let mut words = text.split_whitespace();
        let mut rest = |letter: char| -> Result<&str, SpaceError> {
            let word = words.next().ok_or_else(|| fail(format!("`{letter}...` is missing")))?;
            word.strip_prefix(letter).ok_or_else(|| fail(format!("`{word}` stands where `{letter}...` should")))
        };
        fn list<T: FromStr>(text: &str) -> Result<Vec<T>, String> {
            text.split('-').map(|number| number.parse().map_err(|_| format!("`{number}` is not a number"))).collect()
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
    /// The child that chooses the last of everything. No list may be empty.
    pub(super) fn last_choices(&self) -> Child {
        self.choose(|count| count - 1)
    }

    /// Builds a child by asking `pick`, for every dimension in the order in which a child prints its stages, for an
    /// index below the number of choices. No list may be empty.
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

    /// The first choice of `child` that this space does not offer, in words.
    fn first_not_offered(&self, child: &Child) -> Option<String> {
        let whole = || {
            not_offered("number of stages", None, &child.stages.len(), &[self.stages.len()])
                .or_else(|| not_offered("resolution", None, &child.resolution, &self.resolutions))
                .or_else(|| not_offered("stem width", None, &child.stem_width, &self.stem.widths))
        };
        let stages = || {
            (0..).zip(child.stages.iter().zip(&self.stages)).find_map(|(index, (choice, stage))| {
                not_offered("width", Some(index), &choice.width, &stage.widths)
                    .or_else(|| not_offered("depth", Some(index), &choice.depth, &stage.depths))
                    .or_else(|| not_offered("kernel size", Some(index), &choice.kernel, &stage.kernels))
                    .or_else(|| not_offered("expand ratio", Some(index), &choice.expand_ratio, &stage.expand_ratios))
            })
        };
        let head = || match (&self.head, child.head_width) {
            (None, None) => None,
            (Some(head), Some(width)) => not_offered("head width", None, &width, &head.widths),
            (Some(head), None) => Some(problem("head width", None, &"none", &head.widths)),
            (None, Some(width)) => Some(problem("head width", None, &width, &["none"])),
        };
        whole().or_else(stages).or_else(head)
    }
}

fn not_offered<T: PartialEq + fmt::Display>(
    choice: &str,
    stage: Option<usize>,
    given: &T,
    allowed: &[T],
) -> Option<String> {
    (!allowed.contains(given)).then(|| problem(choice, stage, given, allowed))
}

fn problem(choice: &str, stage: Option<usize>, given: &impl fmt::Display, allowed: &[impl fmt::Display]) -> String {
    let stage = stage.map_or(String::new(), |index| format!(" of stage {}", index + 1));
    let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    format!("{choice}{stage} is {given}, choose one of [{}]", allowed.join(", "))
}

impl ValidatedSpace {
    /// The child that chooses the last (largest) of everything.
    pub fn biggest(&self) -> Child {
        self.last_choices()
    }

    /// The child that chooses the first (smallest) of everything.
    pub fn smallest(&self) -> Child {
        self.choose(|_| 0)
    }

    /// Reads a child: `smallest`, `biggest`, or the text that a child prints.
    ///
    /// # Errors
    /// [`SpaceError::NotAChild`] if the text is not a child, [`SpaceError::NotInSpace`] if this space does not offer
    /// it.
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
    /// [`SpaceError::NotInSpace`] names the first choice that is not offered, and those that are.
    pub fn check(&self, child: &Child) -> Result<(), SpaceError> {
        match self.first_not_offered(child) {
            None => Ok(()),
            Some(problem) => {
                Err(SpaceError::NotInSpace { child: child.to_string(), space: self.name.clone(), problem })
            }
        }
    }
}
