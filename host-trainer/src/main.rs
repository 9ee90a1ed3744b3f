//! `nestling`: trains one supernet, searches it, packs the bundle that devices slice.

mod commands;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Trains one supernet, searches it and packs the bundle that devices slice.
///
/// A whole run on Fashion-MNIST, each step alone:
///
///   nestling train                      # 10 minutes on two cores; may be killed and run again
///
///   nestling search                     # grid of children on held-out images, Pareto front
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
    Search(commands::search::Search),
    Pack(commands::pack::Pack),
    Latency(commands::latency::Latency),
    Eval(commands::eval::Eval),
    Parity(commands::parity::Parity),
    Bench(commands::bench::Bench),
    Images(commands::images::Images),
    Report(commands::report::Report),
    Cost(commands::cost::CostCommand),
    Spaces(commands::spaces::Spaces),
    Init(commands::init::Init),
    Export(commands::export::Export),
    Import(commands::import::Import),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Train(command) => command.run(),
        Command::Search(command) => command.run(),
        Command::Pack(command) => command.run(),
        Command::Latency(command) => command.run(),
        Command::Eval(command) => command.run(),
        Command::Parity(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Images(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Cost(command) => command.run(),
        Command::Spaces(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Import(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::complain(&error);
            ExitCode::FAILURE
        }
    }
}
