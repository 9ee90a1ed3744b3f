//! Is a shared library there? Asked without loading it.

use crate::process;
use std::path::PathBuf;

const FOLDERS: [&str; 6] =
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib", "/lib64"];

/// The library's path, from `LD_LIBRARY_PATH`, the loader's cache or the usual folders.
pub fn find(name: &str) -> Option<PathBuf> {
    let variable = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders = std::env::split_paths(&variable).chain(FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.exists()).or_else(|| in_cache(name))
}

/// One line of `ldconfig -p` reads `libcuda.so.1 (libc6,x86-64) => /usr/lib/libcuda.so.1`.
fn in_cache(name: &str) -> Option<PathBuf> {
    // An ordinary user's PATH often lacks /sbin.
    let list = process::answer("ldconfig", &["-p"]).or_else(|| process::answer("/sbin/ldconfig", &["-p"]))?;
    let line = list.lines().find(|line| line.split_whitespace().next() == Some(name))?;
    line.split("=> ").nth(1).map(PathBuf::from)
}
