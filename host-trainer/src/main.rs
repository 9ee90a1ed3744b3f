//! `nestling`: trains one supernet, searches it, packs the bundle that devices slice.

mod commands;

use clap::{Parser, Subcommand};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// Trains one supernet, searches it and packs the bundle that devices slice.
///
/// A whole run on Fashion-MNIST, each step alone:
///
///   nestling train                      # 10 minutes on two cores; may be killed and run again
///
///   nestling search                     # grid of children on validation images, Pareto front
///
///   nestling pack --output my.nestling  # the file that ships
///
///   nestling parity my.nestling         # the device's answers against the trainer's
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(commands::train::Train),
    Scan(commands::scan::Scan),
    Search(commands::search::Search),
    Pack(commands::pack::Pack),
    Latency(commands::latency::Latency),
    Eval(commands::eval::Eval),
    Parity(commands::parity::Parity),
    Bench(commands::bench::Bench),
    Throughput(commands::throughput::Throughput),
    Scaling(commands::scaling::Scaling),
    Images(commands::images::Images),
    Report(commands::report::Report),
    Cost(commands::cost::CostCommand),
    Slim(commands::slim::Slim),
    Spaces(commands::spaces::Spaces),
    Init(commands::init::Init),
    Export(commands::export::Export),
    Experiment(commands::experiment::ExperimentCommand),
    Import(commands::import::Import),
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Train(command) => command.run(),
            Self::Scan(command) => command.run(),
            Self::Search(command) => command.run(),
            Self::Pack(command) => command.run(),
            Self::Latency(command) => command.run(),
            Self::Eval(command) => command.run(),
            Self::Parity(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Throughput(command) => command.run(),
            Self::Scaling(command) => command.run(),
            Self::Images(command) => command.run(),
            Self::Report(command) => command.run(),
            Self::Cost(command) => command.run(),
            Self::Slim(command) => command.run(),
            Self::Spaces(command) => command.run(),
            Self::Init(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Experiment(command) => command.run(),
            Self::Import(command) => command.run(),
        }
    }
}

/// Exit codes of arguments that are wrong, as clap has it, and of a panic, as Rust has it.
const USAGE: u8 = 2;
const PANIC: u8 = 101;

fn main() -> ExitCode {
    // Whatever is wrong with the arguments, a program that asked for JSON gets JSON.
    let json = std::env::args_os().any(|argument| argument == "--json");
    let command = match Arguments::try_parse() {
        Ok(arguments) => arguments.command,
        Err(error) => {
            // Help and version are printed to standard output, and are no errors.
            let is_error = error.use_stderr();
            let _ = error.print();
            if is_error && json {
                commands::print_error("usage", error.to_string().trim_start_matches("error: "));
            }
            return ExitCode::from(if is_error { USAGE } else { 0 });
        }
    };
    // libtorch's bindings panic where it refuses, for example without memory. The panic's message is on standard error.
    match catch_unwind(AssertUnwindSafe(|| command.run())) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => match commands::quiet_exit(&error) {
            Some(code) => ExitCode::from(code),
            None => {
                commands::complain(&error, json);
                ExitCode::FAILURE
            }
        },
        Err(_) => {
            if json {
                commands::print_error("internal", "the program failed unexpectedly; its message is on standard error");
            }
            ExitCode::from(PANIC)
        }
    }
}
