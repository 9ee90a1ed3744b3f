#![doc = "Nestling's device runtime."]

pub mod space;
pub mod units;
