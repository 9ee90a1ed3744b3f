#![doc = "Nestling's device runtime."]

pub mod input;
pub mod reference;
pub mod space;
pub mod units;
