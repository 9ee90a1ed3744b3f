//! `nestling-device`: measures a device, chooses children for budgets, classifies, and measures switches.
//!
//! Links no libtorch: copy it to a phone or board and run it there. Each command parses, calls the library and prints.

mod bench;
mod budgets;
mod choose;
mod classify;
mod device;
mod govern;
mod info;
mod output;
mod pixels;
mod predict;
mod profile;
mod progress;
mod switch;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Selects a child network of a supernet that keeps within a latency budget on this device's GPU.
#[derive(Parser)]
#[command(
    version,
    after_help = "Start with:\n  nestling-device info\n  nestling-device choose fashion.nestling --budget-ms 8\n  \
                  nestling-device run fashion.nestling photo.jpg\n\nEvery \
                  command takes --json, and `nestling-device COMMAND --help` shows an example."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    device: device::Options,
    /// Print one JSON document instead of text for people.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    Info(info::Options),
    Profile(profile::Options),
    Predict(predict::Options),
    Budgets(budgets::Options),
    Choose(choose::Options),
    #[command(visible_alias = "run")]
    Classify(classify::Options),
    Govern(govern::Options),
    Switch(switch::Options),
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let Arguments { command, device, json } = Arguments::parse();
    let outcome = match command {
        Command::Info(options) => options.run(&device).and_then(|report| output::emit(&report, json)),
        Command::Profile(options) => options.run(&device, json).and_then(|report| output::emit(&report, json)),
        Command::Predict(options) => options.run(&device).and_then(|report| output::emit(&report, json)),
        Command::Budgets(options) => options.run(&device).and_then(|report| output::emit(&report, json)),
        Command::Choose(options) => options.run(&device).and_then(|report| output::emit(&report, json)),
        Command::Classify(options) => options.run(&device).and_then(|report| output::emit(&report, json)),
        Command::Govern(options) => options.run(&device).and_then(|report| output::emit(&report, json)),
        Command::Switch(options) => options.run(&device).and_then(|report| output::emit(&report, json)),
        Command::Bench(options) => options.run(&device).and_then(|report| output::emit(&report, json)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}
