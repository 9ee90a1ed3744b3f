//! Quantities whose unit is part of the type, top-1 accuracy, and quantiles of measured times.

mod load;
mod percentiles;
mod power;
mod quantiles;
mod top1;
mod units;

pub use load::Load;
pub use percentiles::percentiles;
pub use power::PowerMode;
pub use quantiles::{Latency, Quantile, Spread};
pub use top1::{Top1, most_probable};
pub use units::{MAdds, Millis, Params};
