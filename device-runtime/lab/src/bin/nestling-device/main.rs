//! `nestling-device`: measures a device, chooses children for budgets, classifies, and measures switches.
//!
//! Links no libtorch: copy it to a phone or board and run it there. Each command parses, calls the library and prints.

mod bench;
mod budgets;
mod caches;
mod choose;
mod classify;
mod compare;
mod conditions;
mod device;
mod doctor;
mod gate;
mod govern;
mod info;
mod output;
mod pixels;
mod predict;
mod profile;
mod progress;
mod self_test;
mod start;
mod start_report;
mod stored_profile;
mod sustained;
mod switch;
mod words;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use nestling_lab::documents::Fault;
use nestling_stopwatch::Stopwatch;
use output::{Output, ReaderGone, fault_of};
use std::ffi::OsString;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

/// Selects a child network of a supernet that keeps within a latency budget on this device's GPU.
#[derive(Parser)]
#[command(
    name = "nestling-device",
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
    Doctor(doctor::Options),
    SelfTest(self_test::Options),
    Bench(bench::Options),
    Start(start::Options),
    Compare(compare::Options),
}

impl Command {
    /// The files that it writes, if their names were given.
    fn files(&self) -> impl Iterator<Item = &Path> {
        let files = match self {
            Self::Profile(options) => options.files(),
            Self::Bench(options) => [options.logits(), None, None, None],
            Self::Start(options) => [options.logits(), None, None, None],
            Self::Info(_) | Self::Predict(_) | Self::Budgets(_) | Self::Choose(_) | Self::Compare(_) => [None; 4],
            Self::Classify(_) | Self::Govern(_) | Self::Switch(_) | Self::SelfTest(_) | Self::Doctor(_) => [None; 4],
        };
        files.into_iter().flatten()
    }
}

/// Exit code of a panic, as Rust has it.
const PANIC: u8 = 101;

fn main() -> ExitCode {
    let stopwatch = Stopwatch::of_process();
    let Arguments { command, device, json } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse_arguments(&error),
    };
    let output = Output::new(json).beside(command.files());
    // A driver may make wgpu panic. The panic's message is on standard error already.
    match catch_unwind(AssertUnwindSafe(|| run(&command, &device, &output, &stopwatch))) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::FAILURE,
        Ok(Err(error)) if error.is::<ReaderGone>() && !output.has_failed() => ExitCode::SUCCESS,
        Ok(Err(error)) if error.is::<ReaderGone>() => ExitCode::FAILURE,
        Ok(Err(error)) => match error.downcast_ref() {
            Some(wrong) => refuse_arguments(wrong),
            None => {
                output.fail(fault_of(&error));
                ExitCode::FAILURE
            }
        },
        Err(_) => {
            let message = "the program failed unexpectedly; the message is on standard error".to_owned();
            output.fail(Fault { code: Fault::INTERNAL.to_owned(), message });
            ExitCode::from(PANIC)
        }
    }
}

/// Runs a command and prints its report. Returns whether all inputs had a result.
fn run(command: &Command, device: &device::Options, output: &Output, stopwatch: &Stopwatch) -> Result<bool> {
    match command {
        Command::Info(options) => output.finish(&options.run(device)?),
        Command::Profile(options) => output.finish(&options.run(device, output.is_json())?),
        Command::Predict(options) => output.finish(&options.run(device)?),
        Command::Budgets(options) => output.finish(&options.run(device)?),
        Command::Choose(options) => output.finish(&options.run(device, output)?),
        Command::Classify(options) => output.finish(&options.run(device, output)?),
        Command::Govern(options) => output.finish(&options.run(device)?),
        Command::Switch(options) => output.finish(&options.run(device)?),
        Command::Doctor(options) => output.finish(&options.run(device)?),
        Command::SelfTest(options) => output.finish(&options.run(device)?),
        Command::Bench(options) => output.finish(&options.run(device, output)?),
        Command::Start(options) => options.run(device, output, stopwatch),
        Command::Compare(options) => output.finish(&options.run()?),
    }
}

/// The error of arguments that only a command can judge.
fn wrong_usage(message: impl Display) -> anyhow::Error {
    Arguments::command().error(ErrorKind::ValueValidation, message).into()
}

/// Help, the version, or the error that the arguments are wrong; as a document too if `--json` is among them.
fn refuse_arguments(error: &clap::Error) -> ExitCode {
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let is_json = |one: &OsString| one == "--json" || one.as_encoded_bytes().starts_with(b"--json=");
    let json = !is_help && std::env::args_os().take_while(|argument| argument != "--").any(|one| is_json(&one));
    // Where it is printed to may be closed; the exit code remains.
    let _ = error.print();
    if json {
        let text = error.render().to_string();
        // Usage and a hint to the help follow, for people.
        let end = ["\n\nUsage:", "\n\nFor more information"].into_iter().filter_map(|part| text.find(part)).min();
        let message = text[..end.unwrap_or(text.len())].trim_start_matches("error: ").trim();
        Output::new(true).print_failure(Fault { code: Fault::USAGE.to_owned(), message: message.to_owned() });
    }
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}
