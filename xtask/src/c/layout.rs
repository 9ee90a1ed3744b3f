//! The files of an installed C library. A test of `nestling-c` takes this file by its path and installs with it.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The parts to install.
pub struct Built<'a> {
    /// The folder of the shared and the static library.
    pub libraries: &'a Path,
    /// Linker flags of a program with the static library.
    pub system_libraries: &'a str,
    /// The folder of the crate, with header and templates.
    pub binding: &'a Path,
    /// Version of the workspace.
    pub version: &'a str,
}

/// The names of the shared library on Linux and Android, and on Apple's systems.
const SHARED: [&str; 2] = ["libnestling_c.so", "libnestling_c.dylib"];
const STATIC: &str = "libnestling_c.a";

impl Built<'_> {
    /// Installs into a folder and returns the files, each below it.
    pub fn lay_out(&self, prefix: &Path) -> Result<Vec<PathBuf>> {
        let Some(shared) = SHARED.into_iter().find(|name| self.libraries.join(name).is_file()) else {
            bail!("no {} in {}: this command knows Unix systems only", SHARED.join(" or "), self.libraries.display());
        };
        let mut files = Vec::new();
        for (from, to) in [
            (self.binding.join("include/nestling.h"), "include/nestling.h".to_owned()),
            (self.libraries.join(shared), format!("lib/{shared}")),
            (self.libraries.join(STATIC), format!("lib/{STATIC}")),
        ] {
            let to = place(prefix, &to)?;
            fs::copy(&from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
            files.push(to);
        }
        for (template, folder) in [
            ("nestling.pc", "lib/pkgconfig"),
            ("nestling-config.cmake", "lib/cmake/nestling"),
            ("nestling-config-version.cmake", "lib/cmake/nestling"),
        ] {
            let from = self.binding.join(format!("package/{template}.in"));
            let text = fs::read_to_string(&from).with_context(|| format!("cannot read {}", from.display()))?;
            let to = place(prefix, &format!("{folder}/{template}"))?;
            fs::write(&to, self.filled(&text, shared)).with_context(|| format!("cannot write {}", to.display()))?;
            files.push(to);
        }
        Ok(files)
    }

    fn filled(&self, template: &str, shared: &str) -> String {
        let interface = self.version.rsplit_once('.').map_or(self.version, |(interface, _)| interface);
        template
            .replace("@VERSION@", self.version)
            .replace("@INTERFACE@", interface)
            .replace("@SHARED_LIBRARY@", shared)
            .replace("@SYSTEM_LIBRARIES@", self.system_libraries)
    }
}

/// The path of a file below the prefix, whose folder is there.
fn place(prefix: &Path, file: &str) -> Result<PathBuf> {
    let path = prefix.join(file);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    Ok(path)
}
