use super::{SearchSpace, SpaceError};
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
    pub expand_ratio: u32,
}

/// One choice for every dimension of a [`SearchSpace`]: a network that can be deployed as it is.
///
/// Prints as, and parses from, one line: resolution, stem width, then widths, depths, kernel sizes and expand ratios by
/// stage, and the head width.
///
/// ```
/// use nestling::space::{Child, SearchSpace};
/// let smallest = SearchSpace::table1().smallest();
/// let text = smallest.to_string();
/// assert_eq!(text, "r192 s32 w16-24-40-80-112-192-320 d1-2-2-2-2-2-1 k3-3-3-3-3-3-3 e1-6-6-6-6-6-6 h1280");
/// assert_eq!(text.parse::<Child>()?, smallest);
/// # Ok::<(), nestling::space::ParseChildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Child {
    /// Input size in pixels.
    pub resolution: u32,
    /// Output channels of the first convolution.
    pub stem_width: u32,
    /// One choice a stage.
    pub stages: Vec<StageChoice>,
    /// Output channels of the last convolution.
    pub head_width: u32,
}

impl fmt::Display for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{} s{}", self.resolution, self.stem_width)?;
        type Column = fn(&StageChoice) -> u32;
        let columns: [(char, Column); 4] =
            [('w', |s| s.width), ('d', |s| s.depth), ('k', |s| s.kernel), ('e', |s| s.expand_ratio)];
        for (letter, column) in columns {
            let numbers: Vec<String> = self.stages.iter().map(|stage| column(stage).to_string()).collect();
            write!(f, " {letter}{}", numbers.join("-"))?;
        }
        write!(f, " h{}", self.head_width)
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
        let mut numbers = |letter: char| -> Result<Vec<u32>, ParseChildError> {
            let word = words.next().ok_or_else(|| fail(format!("`{letter}...` is missing")))?;
            let rest =
                word.strip_prefix(letter).ok_or_else(|| fail(format!("`{word}` stands where `{letter}...` should")))?;
            rest.split('-')
                .map(|number| number.parse().map_err(|_| fail(format!("`{number}` in `{word}` is no number"))))
                .collect()
        };
        let resolution = numbers('r')?;
        let stem = numbers('s')?;
        let (widths, depths, kernels, expand_ratios) = (numbers('w')?, numbers('d')?, numbers('k')?, numbers('e')?);
        let head = numbers('h')?;
        if let Some(extra) = words.next() {
            return Err(fail(format!("`{extra}` is left over")));
        }
        let single = |list: &[u32], letter: char| match list {
            [one] => Ok(*one),
            _ => Err(fail(format!("`{letter}` takes one number"))),
        };
        if [&depths, &kernels, &expand_ratios].iter().any(|list| list.len() != widths.len()) {
            return Err(fail("w, d, k and e must have one number for each stage".to_owned()));
        }
        Ok(Self {
            resolution: single(&resolution, 'r')?,
            stem_width: single(&stem, 's')?,
            stages: (0..widths.len())
                .map(|i| StageChoice {
                    width: widths[i],
                    depth: depths[i],
                    kernel: kernels[i],
                    expand_ratio: expand_ratios[i],
                })
                .collect(),
            head_width: single(&head, 'h')?,
        })
    }
}

impl SearchSpace {
    /// The child that chooses the last (largest) of everything.
    pub fn biggest(&self) -> Child {
        self.choose(|list| list[list.len() - 1])
    }

    /// The child that chooses the first (smallest) of everything.
    pub fn smallest(&self) -> Child {
        self.choose(|list| list[0])
    }

    /// Builds a child by asking `pick` once for every dimension, in the order in which a child prints its stages.
    pub(super) fn choose(&self, mut pick: impl FnMut(&[u32]) -> u32) -> Child {
        Child {
            resolution: pick(&self.resolutions),
            stem_width: pick(&self.stem.widths),
            stages: (self.stages.iter())
                .map(|stage| StageChoice {
                    width: pick(&stage.widths),
                    depth: pick(&stage.depths),
                    kernel: pick(&stage.kernels),
                    expand_ratio: pick(&stage.expand_ratios),
                })
                .collect(),
            head_width: pick(&self.head.widths),
        }
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
        let offered = |place: String, given: u32, allowed: &[u32]| {
            if allowed.contains(&given) {
                return Ok(());
            }
            let (child, space) = (child.to_string(), self.name.clone());
            Err(SpaceError::NotInSpace { child, space, place, given, allowed: allowed.to_vec() })
        };
        offered("number of stages".into(), child.stages.len() as u32, &[self.stages.len() as u32])?;
        offered("resolution".into(), child.resolution, &self.resolutions)?;
        offered("stem width".into(), child.stem_width, &self.stem.widths)?;
        for (index, (choice, stage)) in child.stages.iter().zip(&self.stages).enumerate() {
            let at = |what: &str| format!("{what} of stage {}", index + 1);
            offered(at("width"), choice.width, &stage.widths)?;
            offered(at("depth"), choice.depth, &stage.depths)?;
            offered(at("kernel size"), choice.kernel, &stage.kernels)?;
            offered(at("expand ratio"), choice.expand_ratio, &stage.expand_ratios)?;
        }
        offered("head width".into(), child.head_width, &self.head.widths)
    }
}
