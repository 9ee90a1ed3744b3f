use serde::{Deserialize, Serialize};

/// How the weights are divided into shells.
#[derive(Serialize, Deserialize)]
pub(crate) struct Shells {
    /// For each shell the number of children that run once it is there.
    pub(crate) served: Vec<u32>,
    /// xxh3-128 of all weights, as the section of the weights has them up to format 7.
    pub(crate) weights: [u8; 16],
    /// xxh3-128 of all statistics, as the section of the statistics has them up to format 7.
    pub(crate) statistics: [u8; 16],
}
