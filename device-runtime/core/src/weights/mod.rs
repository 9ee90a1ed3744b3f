//! How a supernet's shared weights are stored, in a bundle and on the GPU: the one definition of the rounding, and of the
//! order in which they arrive ([`Shells`]).
//!
//! Only the weights of convolutions and matrices are rounded; gammas, betas and biases are few, and stay f32.
//!
//! | storage | a weight is | what cannot be held |
//! | --- | --- | --- |
//! | f32 | itself | |
//! | f16 | the nearest 16-bit float, ties to even | from 65,520 on, infinities, no numbers |
//! | int8 | a code from -127 to 127 times the scale of its output channel, a 127th of the channel's largest weight | the largest f32, infinities, no numbers |
//!
//! Rounding what was rounded changes nothing: the same codes come out, and scales at most one unit in the last place
//! off.
//!
//! To add a storage, append its variant and write its [`StorageRow`]; the compiler then names the four places that
//! round, pack, write and read it. `CONTRIBUTING.md` shows the whole walk.

mod rounding;
mod shells;
mod storage;

pub use rounding::{
    OutOfRange, QuantisedWeights, by_convolution, by_outputs, count, count_of_outputs, dequantise, dequantise_one,
    fill_from_halves, from_halves, halves, halves_of, is_scale, quantise, quantise_one, row_length,
};
pub use shells::{Extent, Ring, Shells};
pub use storage::{MAX_CODE, StorageRow, StoredNumber, UnknownStorage, WeightStorage};
