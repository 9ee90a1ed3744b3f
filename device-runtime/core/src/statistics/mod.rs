//! Small numerical methods: ridge regression, non-negative least squares, rank correlation, relative errors.

mod non_negative;
mod relative_error;
pub mod ridge;
mod spearman;

pub use non_negative::robust_non_negative_least_squares;
pub use relative_error::{mean_percent, relative_error};
pub use spearman::spearman;
