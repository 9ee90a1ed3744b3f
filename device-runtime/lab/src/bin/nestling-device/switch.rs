use crate::device;
use crate::device::Opened;
use crate::output::Report;
use anyhow::Result;
use nestling::RuntimeOptions;
use nestling_lab::audit::{SwitchAudit, audit_switches};
use rand::SeedableRng;
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;

/// Switches among shipped and random children, and counts what that makes and sends: nothing.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  nestling-device switch fashion.nestling --switches 1000 --json")]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// How many switches, each followed by an inference.
    #[arg(long, default_value_t = 1000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    switches: u32,
    /// Random children of the space beside those that ship.
    #[arg(long, default_value_t = 24, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=1024))]
    random: u32,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Serialize)]
#[serde(transparent)]
pub struct Audit(SwitchAudit);

impl Options {
    pub fn run(&self, device: &device::Options) -> Result<Audit> {
        let options = RuntimeOptions::default().spare_children(self.random as usize).untrained(true);
        let Opened { bundle, runtime, .. } = device.open_with(&self.bundle, options, None)?;
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(self.seed);
        Ok(Audit(audit_switches(&runtime, &bundle, self.switches as usize, &mut random)?))
    }
}

impl Report for Audit {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self(audit) = self;
        writeln!(out, "{} switches among {} children, an inference after each", audit.switches, audit.children)?;
        writeln!(
            out,
            "  made on the GPU and sent to it: {} bytes of weights, {} buffers, {} bind groups, {} pipelines",
            audit.weight_bytes, audit.buffers, audit.bind_groups, audit.pipelines
        )?;
        writeln!(out, "  a switch took p50 {:.2} us, p99 {:.2} us", audit.switch_us_p50, audit.switch_us_p99)?;
        let equal = if audit.outputs_equal_fresh_load { "answers bit for bit as" } else { "DOES NOT ANSWER as" };
        writeln!(out, "  after each switch the child {equal} after a fresh load")
    }
}
