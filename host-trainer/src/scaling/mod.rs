//! Images per second, hours and cost of a training on many GPUs, predicted from what one of them and the links do.
//!
//! A step takes a fixed time and a time for each of a device's images. The gradients are summed by a ring within each host
//! and then by one between the hosts: of `n` members each sends and receives `2 (n - 1) / n` of the bytes (Patarasu and
//! Yuan, 2009). Nothing overlaps, so the prediction is a bound from below. The loader of a host works beside the step.

mod page;

pub use page::{ending, page};

use serde::Serialize;
use std::fmt;

/// What one device, the links and the loader do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Seconds of a step that do not depend on its images: kernel launches and the update.
    pub fixed_s: f64,
    /// Seconds of a step for each image of a device.
    pub image_s: f64,
    /// Bytes of the gradient.
    pub gradient_bytes: f64,
    /// Bytes a second that a device sends to another one of its host.
    pub link_bytes_per_s: f64,
    /// Bytes a second that a host sends to another one.
    pub network_bytes_per_s: f64,
    /// Seconds until a message arrives.
    pub latency_s: f64,
    /// Images a second that the loader of a host makes.
    pub loader_images_per_s: f64,
    /// Devices of a host.
    pub devices_per_host: u32,
}

/// The training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Images a step, of all devices.
    pub batch: u32,
    /// Images of all steps.
    pub images: f64,
    /// Price of a device for an hour, in any currency.
    pub price_per_hour: f64,
}

/// The part that takes most of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The images of a device.
    Images,
    /// The fixed time of a step.
    Fixed,
    /// The sum of the gradients.
    AllReduce,
    /// The loader.
    Loader,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Images => "images",
            Self::Fixed => "fixed time",
            Self::AllReduce => "all-reduce",
            Self::Loader => "loader",
        })
    }
}

/// The training on a number of devices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Devices.
    pub devices: u32,
    /// Images of a device in a step.
    pub images_per_device: f64,
    /// Milliseconds of a step.
    pub step_ms: f64,
    /// Milliseconds of it for the sum of the gradients.
    pub all_reduce_ms: f64,
    /// Images a second of all devices.
    pub images_per_s: f64,
    /// Images a second beside those of one device times their number.
    pub efficiency: f64,
    /// The largest part of the step.
    pub bound: Bound,
    /// Hours of the run.
    pub hours: f64,
    /// Price of the run.
    pub cost: f64,
}

/// Efficiency below which more devices are not worth their price.
pub const LEAST_EFFICIENCY: f64 = 0.5;
/// Most devices that [`stops_at`] tries.
const MOST_DEVICES: u32 = 1 << 16;

impl Measured {
    /// Seconds of the sum of the gradients.
    pub fn all_reduce_s(&self, devices: u32) -> f64 {
        let ring = |members: u32, bytes_per_s: f64| {
            let others = f64::from(members.saturating_sub(1));
            let steps = 2.0 * others;
            if members < 2 {
                return 0.0;
            }
            steps / f64::from(members) * self.gradient_bytes / bytes_per_s + steps * self.latency_s
        };
        let here = devices.min(self.devices_per_host);
        let hosts = devices.div_ceil(self.devices_per_host);
        ring(here, self.link_bytes_per_s) + ring(hosts, self.network_bytes_per_s)
    }

    /// The training on so many devices.
    ///
    /// ```
    /// use nestling_train::scaling::{Bound, Measured, Run};
    /// let measured = Measured {
    ///     fixed_s: 0.01,
    ///     image_s: 1.0 / 800.0,
    ///     gradient_bytes: 40e6,
    ///     link_bytes_per_s: 300e9,
    ///     network_bytes_per_s: 50e9,
    ///     latency_s: 10e-6,
    ///     loader_images_per_s: 20_000.0,
    ///     devices_per_host: 8,
    /// };
    /// let run = Run { batch: 4096, images: 455_639_040.0, price_per_hour: 4.0 };
    /// let one = measured.predict(1, &run);
    /// assert!((one.hours - 158.5).abs() < 0.5 && one.bound == Bound::Images);
    /// assert!(measured.predict(8, &run).efficiency > 0.97);
    /// ```
    pub fn predict(&self, devices: u32, run: &Run) -> Prediction {
        let images_per_device = f64::from(run.batch) / f64::from(devices);
        let (images_s, all_reduce_s) = (self.image_s * images_per_device, self.all_reduce_s(devices));
        let computed_s = self.fixed_s + images_s + all_reduce_s;
        let hosts = devices.div_ceil(self.devices_per_host);
        let loader_s = f64::from(run.batch) / (self.loader_images_per_s * f64::from(hosts));
        let step_s = computed_s.max(loader_s);
        let parts = [(self.fixed_s, Bound::Fixed), (all_reduce_s, Bound::AllReduce), (images_s, Bound::Images)];
        let largest = parts.into_iter().max_by(|(a, _), (b, _)| a.total_cmp(b)).map_or(Bound::Images, |(_, part)| part);
        let alone = f64::from(run.batch) / (self.fixed_s + self.image_s * f64::from(run.batch));
        let images_per_s = f64::from(run.batch) / step_s;
        let hours = run.images / images_per_s / 3600.0;
        Prediction {
            devices,
            images_per_device,
            step_ms: 1e3 * step_s,
            all_reduce_ms: 1e3 * all_reduce_s,
            images_per_s,
            efficiency: images_per_s / (alone * f64::from(devices)),
            bound: if loader_s > computed_s { Bound::Loader } else { largest },
            hours,
            cost: hours * f64::from(devices) * run.price_per_hour,
        }
    }

    /// The first power of two of devices whose efficiency is below [`LEAST_EFFICIENCY`], or that have no image each; none
    /// up to 65,536.
    pub fn stops_at(&self, run: &Run) -> Option<Prediction> {
        let counts = (0..=MOST_DEVICES.ilog2()).map(|power| 1u32 << power);
        let stops = |found: &Prediction| found.efficiency < LEAST_EFFICIENCY || found.images_per_device < 1.0;
        counts.map(|devices| self.predict(devices, run)).find(stops)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Measured {
        Measured {
            fixed_s: 0.01,
            image_s: 1.0 / 800.0,
            gradient_bytes: 40e6,
            link_bytes_per_s: 200e9,
            network_bytes_per_s: 25e9,
            latency_s: 20e-6,
            loader_images_per_s: 10_000.0,
            devices_per_host: 8,
        }
    }

    #[test]
    fn a_ring_within_and_one_between_hosts_by_hand() {
        let of = measured();
        assert_eq!(of.all_reduce_s(1), 0.0);
        // 2 * 7 / 8 * 40 MB at 200 GB/s, and 14 messages.
        assert!((of.all_reduce_s(8) - (70e6 / 200e9 + 14.0 * 20e-6)).abs() < 1e-12);
        // Eight hosts: the same again at 25 GB/s.
        let expected = of.all_reduce_s(8) + 70e6 / 25e9 + 14.0 * 20e-6;
        assert!((of.all_reduce_s(64) - expected).abs() < 1e-12);
    }

    #[test]
    fn the_largest_part_is_the_bound_and_more_devices_end_by_it() {
        let run = Run { batch: 4096, images: 3.6e6, price_per_hour: 2.0 };
        let one = measured().predict(1, &run);
        assert!((one.efficiency - 1.0).abs() < 1e-12 && one.bound == Bound::Images);
        // 4096 / 800 + 0.01 = 5.13 s a step of 4096 images: 3.6 M images take 4509 s.
        assert!((one.hours - 3.6e6 / 4096.0 * 5.13 / 3600.0).abs() < 1e-9 && (one.cost - 2.0 * one.hours).abs() < 1e-9);
        let slow = Measured { loader_images_per_s: 1000.0, ..measured() };
        let eight = slow.predict(8, &run);
        assert!(eight.bound == Bound::Loader && (eight.images_per_s - 1000.0).abs() < 1e-6);
        let link = Measured { link_bytes_per_s: 1e7, ..measured() };
        assert_eq!(link.predict(8, &run).bound, Bound::AllReduce);
        let stop = measured().stops_at(&run).unwrap();
        // 512 devices: 10 ms of images beside 10 ms that are fixed and the sums.
        assert!(stop.devices == 512 && stop.efficiency < LEAST_EFFICIENCY, "{stop:?}");
        assert!(measured().predict(256, &run).efficiency >= LEAST_EFFICIENCY);
    }
}
