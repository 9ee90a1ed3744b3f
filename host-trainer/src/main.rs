//! Temporary.
use nestling_train::{data, time, torch, train};
fn main() -> anyhow::Result<()> {
    let choice = torch::initialise();
    eprintln!("{choice}");
    let (images, _) = data::load_fashion(None)?;
    let pre = nestling::input::Preprocessing { means: vec![0.286], standard_deviations: vec![0.353] };
    let mut config = train::TrainConfig::default();
    for pair in std::env::args().skip(1) {
        let (k, v) = pair.split_once('=').unwrap_or(("", ""));
        match k {
            "workers" => config.workers = v.parse()?,
            "batch" => config.batch_size = v.parse()?,
            "epochs" => config.epochs = v.parse()?,
            _ => {}
        }
    }
    let mut trainer = train::Trainer::new(config, None, &images, &pre, choice.device)?;
    let mut n = 0;
    let start = (time::process_cpu_s(), std::time::Instant::now());
    let report = trainer.epoch(|loss| {
        n += 1;
        if n % 20 == 0 {
            let cpu = time::process_cpu_s() - start.0;
            eprintln!(
                "{n} {loss:.3} {:.0} img/cpu-s {:.0} img/s",
                n as f64 * 128.0 / cpu,
                n as f64 * 128.0 / start.1.elapsed().as_secs_f64()
            );
        }
    })?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
