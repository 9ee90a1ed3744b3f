use crate::report::assemble::DeviceReport;
use crate::report::charts;
use crate::report::layers::ChildLayers;
use nestling_bundle::ChildTimes;
use nestling_core::latency::Clock;
use nestling_page::markup::{Text, bytes, grouped, maybe, percent, three, utc};
use nestling_page::{Table, document};
use std::fmt::Write;

/// The page: one document that needs no script, no font and no network.
pub fn html(report: &DeviceReport) -> String {
    let mut page = String::new();
    header(&mut page, report);
    page.push_str("<main>\n");
    section(&mut page, "Predicted and measured", &prediction(report));
    section(&mut page, "Accuracy by latency", &accuracy(report));
    section(&mut page, "Where the time goes", &layers(report));
    section(&mut page, "Memory, start and warm-up", &(memory(report) + &start(report)));
    section(&mut page, "The device and its latency model", &(device(report) + &coefficients(report)));
    page.push_str("</main>\n");
    document(&format!("Nestling on {}", report.profile.device().adapter), "", &page)
}

fn section(page: &mut String, title: &str, body: &str) {
    let _ = writeln!(page, "<section>\n<h2>{}</h2>\n{body}</section>", Text(title));
}

fn header(page: &mut String, report: &DeviceReport) {
    let profile = &report.profile;
    let _ = writeln!(
        page,
        "<header>\n<p class=\"brand\">Nestling</p>\n<h1>Measurements of one device</h1>\n<p class=\"lead\">Bundle {} on {}, \
         with images of {} × {} pixels, on {}.</p>\n<dl class=\"figures\">",
        Text(&report.bundle_name),
        Text(&profile.device().to_string()),
        profile.image_side,
        profile.image_side,
        Text(&utc(profile.table.measured_at))
    );
    let mut figure = |value: String, unit: &str, what: &str| {
        let (value, unit, what) = (Text(&value), Text(unit), Text(what));
        let _ = writeln!(page, "<div><dt>{what}</dt><dd>{value}<small> {unit}</small></dd></div>");
    };
    if !profile.children.is_empty() {
        figure(format!("{:.1}", report.errors.shipped.mape_percent), "%", "mean error of predicted shipped children");
    }
    let times = || profile.children.iter().map(|times| times.measured_p50_ms.0);
    if let (Some(fastest), Some(slowest)) = (times().min_by(f64::total_cmp), times().max_by(f64::total_cmp)) {
        figure(three(fastest), "ms", "median of the fastest shipped child");
        figure(three(slowest), "ms", "median of the slowest shipped child");
    }
    figure(three(report.opening.load_ms.0), "ms", "to load, from no adapter to all children ready");
    let memory = bytes(report.memory.gpu());
    let (value, unit) = memory.split_once(' ').unwrap_or((&memory, ""));
    figure(value.to_owned(), unit, "held on the GPU");
    page.push_str("</dl>\n</header>\n");
}

fn prediction(report: &DeviceReport) -> String {
    let profile = &report.profile;
    let row = |times: &ChildTimes| -> Vec<String> {
        vec![
            times.name.clone().unwrap_or_else(|| "informative".to_owned()),
            three(times.predicted_ms.0),
            three(times.measured_p50_ms.0),
            three(times.measured_p90_ms.0),
            three(times.measured_p95_ms.0),
            format!("{:+.1}", times.residual_percent()),
            times.runs_ms.len().to_string(),
            times.child.to_string(),
        ]
    };
    let columns =
        ["child", "predicted ms", "median ms", "90th pct. ms", "95th pct. ms", "residual %", "runs", "choices"];
    let table = Table::new("Every child that was timed whole", &columns)
        .note("The residual is the prediction's error over the measured median; it is positive if the prediction is too long.")
        .words(&[7])
        .rows(profile.children.iter().chain(&profile.informative).map(row));
    charts::predicted_against_measured(report) + &table.html()
}

fn accuracy(report: &DeviceReport) -> String {
    let plot = charts::accuracy_against_latency(report).unwrap_or_else(|| {
        "<p class=\"note\">No shipped child has both a measured time and a measured accuracy.</p>\n".to_owned()
    });
    let rows = report.shipped.iter().map(|child| {
        let latency = report.latency_of(&child.name);
        vec![
            child.name.clone(),
            maybe(latency.map(|latency| latency.p50.0), three),
            maybe(latency.map(|latency| latency.p95.0), three),
            maybe(child.held_out_top1, percent),
            maybe(child.test_top1, percent),
            format!("{:.2}", child.madds.millions()),
            three(child.params as f64 / 1e3),
            child.child.clone(),
        ]
    });
    let columns =
        ["child", "median ms", "95th pct. ms", "held-out top-1 %", "test top-1 %", "MAdds M", "params k", "choices"];
    plot + &Table::new("The children that ship", &columns).words(&[7]).rows(rows).html()
}

fn clock_text(clock: Clock) -> &'static str {
    match clock {
        Clock::Timestamps => "the GPU's timestamps",
        Clock::Wall => "the host's clock, over repeated dispatches",
    }
}

fn layers(report: &DeviceReport) -> String {
    let mut out = String::new();
    if let Some(note) = &report.profile.clock_note {
        let _ = writeln!(out, "<p class=\"note\">The GPU's clock was not trusted: {}.</p>", Text(note));
    }
    for (index, child) in report.layers_of.iter().enumerate() {
        out.push_str(&charts::layers(index, child));
        out.push_str(&layer_table(child));
    }
    out
}

fn layer_table(child: &ChildLayers) -> String {
    let columns = ["layer", "shape", "ms", "share %", "MAdds M", "bytes, at least"];
    let rows = child.layers.iter().map(|layer| {
        vec![
            layer.name.clone(),
            layer.shape.to_string(),
            format!("{:.4}", layer.ms.0),
            format!("{:.1}", layer.share_percent),
            format!("{:.3}", layer.madds.millions()),
            bytes(layer.bytes),
        ]
    });
    Table::new(&format!("Layers of {}, timed alone", child.name), &columns)
        .note(&format!("Timed by {}. Bytes are the fewest that must cross memory in f32.", clock_text(child.clock)))
        .words(&[1])
        .rows(rows)
        .html()
}

fn memory(report: &DeviceReport) -> String {
    let memory = &report.memory;
    let parts = [
        ("weights", memory.weights),
        ("activations", memory.activations),
        ("image", memory.image),
        ("prepared children", memory.children),
        ("staging", memory.staging),
        ("on the host", memory.host),
    ];
    let more = [
        ("all on the GPU", memory.gpu()),
        ("activations: buffer of blocks", memory.block),
        ("activations: buffer of expanded", memory.expanded),
        ("activations: buffer of filtered", memory.filtered),
        ("lower bound of the activations for any plan", memory.activation_floor),
        ("the two largest tensors of any moment", memory.largest_two),
    ];
    let rows =
        parts.iter().chain(&more).map(|&(name, count)| vec![name.to_owned(), bytes(count), grouped(count as f64)]);
    charts::memory(&parts) + &Table::new("", &["memory", "size", "bytes"]).rows(rows).html()
}

fn start(report: &DeviceReport) -> String {
    let (opening, set_up, warm_up) = (&report.opening, &report.set_up, &report.warm_up);
    let rows = [
        ("open the file", opening.open_ms.0),
        ("load", opening.load_ms.0),
        ("of it, pipelines", set_up.pipeline_time.0),
        ("of it, weights", set_up.upload_time.0),
        ("first inference", warm_up.first_ms.0),
        ("later inferences", warm_up.later.p50.0),
    ];
    let ms = |ms: f64| format!("{} ms", three(ms));
    let words = |what: &str, value: String| vec![what.to_owned(), value];
    let ratio = warm_up.first_ms.0 / warm_up.later.p50.0;
    let table = Table::new("", &[])
        .row(words("reading and verifying the file", ms(opening.open_ms.0)))
        .row(words("from no adapter to all children ready, tiles timed included", ms(opening.load_ms.0)))
        .row(words("pipelines that the first answer can use", set_up.pipelines.to_string()))
        .row(words("building these", ms(set_up.pipeline_time.0)))
        .row(words("packing and sending the weights", ms(set_up.upload_time.0)))
        .row(words("set-up of the supernet altogether", ms(set_up.total_time.0)))
        .row(words(&format!("first inference after loading, of {}", warm_up.child), ms(warm_up.first_ms.0)))
        .row(words("from then until the fast kernels answered", ms(warm_up.ready_after_ms.0)))
        .row(words(&format!("median of {} inferences after that", warm_up.runs), ms(warm_up.later.p50.0)))
        .row(words("95th percentile of these", ms(warm_up.later.p95.0)))
        .row(words("first over later", maybe(ratio.is_finite().then_some(ratio), |ratio| format!("{ratio:.2} ×"))));
    charts::start(&rows) + &table.html()
}

fn device(report: &DeviceReport) -> String {
    let (profile, table) = (&report.profile, &report.profile.table);
    let key = &table.device;
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let features = if key.features.is_empty() { "none".to_owned() } else { key.features.join(", ") };
    let residual = format!("{:.1} % over {} children", table.residual_percent, table.children);
    let conditions = profile.measured_under();
    let spread = format!("{:.2} × and {:.2} × the median", table.spread.p90, table.spread.p95);
    Table::new("Device, software and settings", &[])
        .row(row("adapter", key.adapter.clone()))
        .row(row("driver", key.driver.clone()))
        .row(row("backend", key.backend.clone()))
        .row(row("precision", key.precision.clone()))
        .row(row("features used", features))
        .row(row("tiles of large, medium and small pointwise layers, pixels × channels", profile.tiles.to_string()))
        .row(row("clock of the layers", clock_text(profile.clock).to_owned()))
        .row(row("why the GPU's clock was not trusted", profile.clock_note.clone().unwrap_or_else(|| "–".to_owned())))
        .row(row("measured", utc(table.measured_at)))
        .row(row("conditions", format!("{conditions}; the device was {}", conditions.load)))
        .row(row("network", format!("{} ({})", report.bundle_name, profile.network)))
        .row(row("nestling", profile.nestling.clone()))
        .row(row("kernels", profile.kernels.clone()))
        .rows(profile.replaced.iter().map(|one| row("replaced", one.clone())))
        .row(row("side of the images, pixels", profile.image_side.to_string()))
        .row(row("mean error of the fit over its own children", residual))
        .row(row("90th and 95th percentile of the run times", spread))
        .html()
}

fn coefficients(report: &DeviceReport) -> String {
    let fit = &report.profile.table.model;
    let rows = fit.coefficients.iter().map(|one| vec![one.feature.to_string(), three(one.ms.micros())]);
    Table::new("Coefficients of the latency model", &["cost feature, one unit", "coefficient µs"])
        .note("A child's predicted time is the sum over its cost features: count times coefficient. No coefficient is below zero.")
        .rows(rows)
        .html()
}
