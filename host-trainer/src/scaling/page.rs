use super::{Bound, LEAST_EFFICIENCY, Measured, Prediction, Run};
use nestling_page::Table;
use nestling_page::document;
use nestling_page::markup::{Text, grouped, percent, three};
use nestling_page::plot::{Axis, Colour, Join, Plot};

/// Most devices of the figure.
const SHOWN_DEVICES: u32 = 1024;

/// The predictions as one page: a table, a figure and the values that they follow from.
pub fn page(title: &str, measured: &Measured, run: &Run, shown: &[Prediction]) -> String {
    let columns = [
        "Devices",
        "Images each",
        "Step (ms)",
        "All-reduce (ms)",
        "Images/s",
        "Efficiency (%)",
        "Bound",
        "Hours",
        "Cost",
    ];
    let row = |found: &Prediction| {
        vec![
            found.devices.to_string(),
            three(found.images_per_device),
            three(found.step_ms),
            three(found.all_reduce_ms),
            grouped(found.images_per_s.round()),
            percent(100.0 * found.efficiency),
            found.bound.to_string(),
            three(found.hours),
            grouped(found.cost.round()),
        ]
    };
    let table = Table::new("Prediction", &columns).words(&[6]).rows(shown.iter().map(row));
    let table = table.note("Computed from the values below; no training of this size was run.");
    let body = format!(
        "<h1>{}</h1>\n<p>{}</p>\n{}{}{}",
        Text(title),
        Text(&ending(measured, run)),
        table.html(),
        figure(measured, run),
        values(measured, run)
    );
    document(title, "", &body)
}

/// Where more devices are not worth their price.
pub fn ending(measured: &Measured, run: &Run) -> String {
    let least = 100.0 * LEAST_EFFICIENCY;
    match measured.stops_at(run) {
        None => format!("the efficiency stays above {least} %"),
        Some(stop) if stop.images_per_device < 1.0 => {
            format!("it stops scaling at {} devices: a batch of {} has no image for each", stop.devices, run.batch)
        }
        Some(stop) => {
            // The images themselves are the work: the rest is what they lose by.
            let (fixed_ms, all_reduce_ms) = (1e3 * measured.fixed_s, stop.all_reduce_ms);
            let (part, ms) = match stop.bound {
                Bound::Loader => ("the loader", stop.step_ms),
                _ if all_reduce_ms > fixed_ms => ("the all-reduce", all_reduce_ms),
                _ => ("the fixed time", fixed_ms),
            };
            format!(
                "it stops scaling at {} devices, where the efficiency is {:.0} %, below {least} %: {part} takes {ms:.1} of \
                 {:.1} ms",
                stop.devices,
                100.0 * stop.efficiency,
                stop.step_ms
            )
        }
    }
}

fn figure(measured: &Measured, run: &Run) -> String {
    let counts: Vec<u32> = (0..=SHOWN_DEVICES.ilog2()).map(|power| 1u32 << power).collect();
    let points: Vec<(f64, f64)> = (counts.iter())
        .map(|&devices| (f64::from(devices).log2(), 100.0 * measured.predict(devices, run).efficiency))
        .collect();
    let x = Axis::over("Devices (power of 2)", points.iter().map(|point| point.0), 10);
    let y = Axis::over("Efficiency (%)", points.iter().map(|point| point.1).chain([0.0, 100.0]), 5);
    let note = "Images a second beside those of one device times the number of devices.";
    Plot::new("efficiency", "Efficiency", note, x, y).line("predicted", points, Join::Straight, Colour::Blue).figure()
}

fn values(measured: &Measured, run: &Run) -> String {
    let rows = [
        ("fixed time of a step (ms)", three(1e3 * measured.fixed_s)),
        ("images/s of a device, without the fixed time", three(1.0 / measured.image_s)),
        ("gradient (MB)", three(measured.gradient_bytes / 1e6)),
        ("link within a host (GB/s)", three(measured.link_bytes_per_s / 1e9)),
        ("network between hosts (GB/s)", three(measured.network_bytes_per_s / 1e9)),
        ("latency of a message (µs)", three(1e6 * measured.latency_s)),
        ("loader of a host (images/s)", grouped(measured.loader_images_per_s.round())),
        ("devices of a host", measured.devices_per_host.to_string()),
        ("images a step", run.batch.to_string()),
        ("images of the run", grouped(run.images)),
        ("price of a device for an hour", three(run.price_per_hour)),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    Table::new("Values", &["Value", ""]).words(&[0]).rows(rows).html()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_page::markup_fault;

    #[test]
    fn the_page_is_whole_and_says_where_scaling_stops() {
        let measured = Measured {
            fixed_s: 0.01,
            image_s: 1.0 / 800.0,
            gradient_bytes: 40e6,
            link_bytes_per_s: 300e9,
            network_bytes_per_s: 25e9,
            latency_s: 20e-6,
            loader_images_per_s: 1e6,
            devices_per_host: 8,
        };
        let run = Run { batch: 4096, images: 4.6e8, price_per_hour: 4.0 };
        let shown = [1, 8, 64].map(|devices| measured.predict(devices, &run));
        let page = page("Scaling <of> a run", &measured, &run, &shown);
        assert_eq!(markup_fault(&page), None);
        assert!(page.contains("it stops scaling at") && page.contains("Scaling &lt;of&gt; a run"));
        let few = Run { batch: 16, ..run };
        let fast =
            Measured { fixed_s: 0.0, latency_s: 0.0, link_bytes_per_s: 1e15, network_bytes_per_s: 1e15, ..measured };
        assert!(ending(&fast, &few).contains("has no image for each"), "{}", ending(&fast, &few));
    }
}
