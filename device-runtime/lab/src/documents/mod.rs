//! The JSON documents of `nestling-device`, as the types that both write and read them.

mod choices;
mod classified;

pub use choices::{AdoptedChild, Choices, ChosenChild, UNSHIPPED};
pub use classified::{Classified, ClassifiedImage, Guess};
