//! The messages of TensorBoard's `event.proto` and `summary.proto` that a scalar needs, with their field numbers.

use prost::{Message, Oneof};

/// The version that the first event of a file tells.
pub const FILE_VERSION: &str = "brain.Event:2";

/// An event.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(oneof = "What", tags = "3, 5")]
    pub what: Option<What>,
}

/// The contents of an event.
#[derive(Clone, PartialEq, Oneof)]
pub enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Scalar {
    #[prost(string, tag = "1")]
    pub tag: String,
    // Present even where it is 0: the field is one of several.
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
}
