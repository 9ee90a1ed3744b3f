//! The JSON documents of `nestling-device`, as the types that both write and read them.

mod choices;
mod classified;
mod fault;
mod json;
mod tried;

pub use choices::{AdoptedChild, Choices, ChosenChild, FailedBudget, UNSHIPPED};
pub use classified::{Classified, ClassifiedImage, FailedImage, Guess};
pub use fault::Fault;
pub use json::to_json;
pub use tried::Tried;
