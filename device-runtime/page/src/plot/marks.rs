/// A colour of the palette of Okabe and Ito, which colour-blind readers can tell apart; the style sheet has a light and
/// a dark tone of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// For things that do not matter much.
    Grey,
    /// Blue.
    Blue,
    /// Orange.
    Orange,
    /// Bluish green.
    Green,
    /// Reddish purple.
    Purple,
}

impl Colour {
    /// Class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Blue => "blue",
            Self::Orange => "orange",
            Self::Green => "green",
            Self::Purple => "purple",
        }
    }
}

/// How points are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Straight lines.
    Straight,
    /// Straight, dashed lines.
    Dashed,
    /// Level up to the next point, then up or down to it: what holds from a point on.
    Steps,
}

/// How a dot looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// A disc of that radius.
    Disc(f64),
    /// A circle of that radius.
    Ring(f64),
}

/// A point that tells its numbers.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Where.
    pub x: f64,
    /// Where.
    pub y: f64,
    /// The text that a reader sees who points at it.
    pub title: String,
    /// The text beside it, if there is room.
    pub label: Option<String>,
    /// Where a thin line from it ends, at the same height.
    pub reach: Option<f64>,
}

#[derive(Clone, Debug)]
pub(super) enum Mark {
    Line { points: Vec<(f64, f64)>, join: Join, colour: Colour },
    Band { low: Vec<(f64, f64)>, high: Vec<(f64, f64)>, colour: Colour },
    Dots { dots: Vec<Dot>, look: Look, colour: Colour },
    Vertical { x: f64, label: String, colour: Colour },
}
