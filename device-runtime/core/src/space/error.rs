use crate::names::printable;

/// Reasons why a space, a child, or a text that should name one, is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// The space itself is malformed.
    #[error("search space `{space}`: {place} {problem}")]
    Invalid {
        /// Name of the space.
        space: String,
        /// The part of it that is wrong.
        place: String,
        /// The problem, and the values that are allowed.
        problem: String,
    },
    /// The child asks for a choice that the space does not offer.
    #[error("child `{child}` is not in search space `{space}`: {problem}")]
    NotInSpace {
        /// The child, printed.
        child: String,
        /// Name of the space.
        space: String,
        /// The choice, the child's value, and the values that the space offers.
        problem: String,
    },
    /// The batch-norm statistics do not belong to the child.
    #[error("statistics of child `{child}`: {problem}; calibrate the child again")]
    Statistics {
        /// The child, printed.
        child: String,
        /// The problem.
        problem: String,
    },
    /// The text is not a child.
    #[error("`{text}` is not a child: {problem}; write one as `r28 s16 w16-32-48 d1-2-2 k3-5-3 e2-4-4 h160`")]
    NotAChild {
        /// The text, or its beginning.
        text: String,
        /// The problem.
        problem: String,
    },
    /// The text is not an expand ratio.
    #[error("`{text}` is not an expand ratio: write a number from 0 to 1000, such as `6` or `2.5`")]
    NotAnExpandRatio {
        /// The text, or its beginning.
        text: String,
    },
}

impl SpaceError {
    /// A stable name of the kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid_space",
            Self::NotInSpace { .. } => "child_not_in_space",
            Self::Statistics { .. } => "invalid_statistics",
            Self::NotAChild { .. } => "invalid_child",
            Self::NotAnExpandRatio { .. } => "invalid_expand_ratio",
        }
    }
}

/// The beginning of a text that an error quotes, safe to print: it may be of any length and hold anything.
pub(super) fn quoted(text: &str) -> String {
    printable(&text.chars().take(200).collect::<String>()).into_owned()
}
