//! The package `@nestling/web`: the module, its JavaScript and types, and the archive that npm installs.

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use wasm_bindgen_cli_support::Bindgen;

/// Most bytes of the module as a server sends it.
pub const MAX_GZIP: usize = 400_000;

/// The module's name in the package's folder `wasm`.
const MODULE: &str = "nestling_web";

/// The sizes of a module in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// As it is.
    pub wasm: usize,
    /// Compressed by gzip's best level.
    pub gzip: usize,
    /// Its JavaScript.
    pub glue: usize,
}

/// Fills `package` with the files of `sources` and the module that cargo built.
///
/// # Errors
/// If a file cannot be read or written, or the module has more than [`MAX_GZIP`] bytes.
pub fn package(module: &Path, sources: &Path, package: &Path) -> Result<Sizes> {
    if package.exists() {
        fs::remove_dir_all(package).with_context(|| format!("cannot empty {}", package.display()))?;
    }
    copy_folder(sources, package)?;
    let folder = package.join("wasm");
    Bindgen::new()
        .input_path(module)
        .web(true)?
        .typescript(true)
        // The module is named by its own address.
        .omit_default_module_path(false)
        .remove_producers_section(true)
        // A third of the bytes: a stack trace then shows numbers, but every error has its code.
        .remove_name_section(true)
        .out_name(MODULE)
        .generate(&folder)
        .context("wasm-bindgen cannot read the module: was it built with the same version?")?;
    let read = |name: String| {
        let path = folder.join(name);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let (wasm, glue) = (read(format!("{MODULE}_bg.wasm"))?, read(format!("{MODULE}.js"))?);
    let sizes = Sizes { gzip: gzip(&wasm)?.len(), wasm: wasm.len(), glue: glue.len() };
    ensure!(
        sizes.gzip <= MAX_GZIP,
        "the module has {} bytes compressed, and may have {MAX_GZIP}: leave something out",
        sizes.gzip
    );
    Ok(sizes)
}

/// The bytes of a package's module as a server sends it.
///
/// # Errors
/// If it cannot be read.
pub fn module_gzip(package: &Path) -> Result<usize> {
    let path = package.join(format!("wasm/{MODULE}_bg.wasm"));
    Ok(gzip(&fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?)?.len())
}

/// The folder of the site, below the repository's root.
pub fn site_folder(root: &Path) -> PathBuf {
    root.join("target/web/site")
}

/// Fills `site` with the example, the package and the examples' bundle and pictures: all that a server needs.
///
/// # Errors
/// If a file cannot be read or written.
pub fn site(root: &Path, package: &Path, site: &Path) -> Result<()> {
    if site.exists() {
        fs::remove_dir_all(site).with_context(|| format!("cannot empty {}", site.display()))?;
    }
    copy_folder(&root.join("examples/web"), site)?;
    copy_folder(package, &site.join("nestling"))?;
    copy_folder(&root.join("examples/assets"), &site.join("assets"))
}

/// Writes the archive that `npm install FILE` takes, and returns its bytes.
///
/// # Errors
/// If a file cannot be read or written.
pub fn archive(package: &Path, file: &Path) -> Result<usize> {
    let mut tar = tar::Builder::new(Vec::new());
    tar.mode(tar::HeaderMode::Deterministic);
    // npm's name of the folder.
    for path in files(package)? {
        let name = Path::new("package").join(path.strip_prefix(package)?);
        tar.append_path_with_name(&path, name).with_context(|| format!("cannot pack {}", path.display()))?;
    }
    let bytes = gzip(&tar.into_inner()?)?;
    fs::write(file, &bytes).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(bytes.len())
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// All files below a folder, in alphabetical order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

/// Copies a folder's files.
///
/// # Errors
/// If one cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for path in files(from)? {
        let target = to.join(path.strip_prefix(from)?);
        let parent = target.parent().context("a file lies in a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::copy(&path, &target).with_context(|| format!("cannot copy {} to {}", path.display(), target.display()))?;
    }
    Ok(())
}
