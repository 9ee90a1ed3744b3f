//! Packs, serves and photographs the package for browsers; `cargo xtask web` calls it.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use nestling_web_tool::{pack, parity, photograph, server::Server};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Parser)]
struct Cli {
    /// The repository's root
    #[arg(long)]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fill target/web: the package, its archive for npm, and the site of the example.
    Pack {
        /// The module that cargo built
        #[arg(long)]
        module: PathBuf,
    },
    /// Serve the site on this machine until the process ends.
    Serve {
        /// The port
        #[arg(long, default_value_t = 8080)]
        port: u16,
    },
    /// Photograph the example, light and dark, as wide as a desk and as a phone.
    Photograph,
    /// Classify raw RGBA frames in a browser; print JSON lines, as the programs of other languages do.
    Parity {
        /// The folder of `frames.rgba`
        #[arg(long)]
        frames: PathBuf,
        /// Columns of a frame
        #[arg(long)]
        width: u32,
        /// Rows of a frame
        #[arg(long)]
        height: u32,
        /// A folder that holds the package as `nestling`, in place of the site's
        #[arg(long)]
        package_in: Option<PathBuf>,
    },
}

fn main() -> Result<()> {
    let Cli { root, command } = Cli::parse();
    match command {
        Command::Pack { module } => pack(&root, &module),
        Command::Serve { port } => serve(&root, port),
        Command::Photograph => photograph::all(&root),
        Command::Parity { frames, width, height, package_in } => {
            let site = pack::site_folder(&root);
            let folders = [package_in.unwrap_or_else(|| site.clone()), site, frames];
            parity::print(&root, folders, (width, height))
        }
    }
}

fn pack(root: &Path, module: &Path) -> Result<()> {
    let web = root.join("target/web");
    let package = web.join("package");
    let sizes = pack::package(module, &root.join("device-runtime/bindings/web/js"), &package)?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(root.join(licence), package.join(licence)).with_context(|| format!("cannot copy {licence}"))?;
    }
    let archive = web.join(format!("nestling-web-{}.tgz", env!("CARGO_PKG_VERSION")));
    let archived = pack::archive(&package, &archive)?;
    pack::site(root, &package, &web.join("site"))?;
    println!(
        "module {:.0} KB, {:.0} KB compressed (at most {:.0}); JavaScript {:.0} KB",
        kilobytes(sizes.wasm),
        kilobytes(sizes.gzip),
        kilobytes(pack::MAX_GZIP),
        kilobytes(sizes.glue)
    );
    println!("{}: {:.0} KB", archive.display(), kilobytes(archived));
    Ok(())
}

fn kilobytes(bytes: usize) -> f64 {
    bytes as f64 / 1e3
}

fn serve(root: &Path, port: u16) -> Result<()> {
    let server = Server::start(vec![pack::site_folder(root)], port)?;
    println!("open {} in a browser with WebGPU; Ctrl-C ends it", server.url(""));
    loop {
        std::thread::park();
    }
}
