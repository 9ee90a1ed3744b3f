//! Crates that compute only: they may not reach a GPU, a file, a clock, a thread, a process or the network.

use super::references::NamePath;
use super::source::Tree;

/// The crates that `docs/architecture.md` promises it of.
const PURE: [&str; 2] = ["nestling-core", "nestling-shaders"];

/// The beginnings of paths that such a crate may not name.
const FORBIDDEN: [&[&str]; 16] = [
    &["std", "fs"],
    &["std", "net"],
    &["std", "env"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "os"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["std", "time", "*"],
    &["web_time"],
    &["wgpu"],
    &["tch"],
    &["memmap2"],
    &["pollster"],
    &["rustix"],
    &["libc"],
];

/// A line for each forbidden path.
pub fn faults(tree: &Tree) -> Vec<String> {
    let pure = |package: usize| PURE.contains(&tree.packages[package].name.as_str());
    let mut faults = Vec::new();
    for module in tree.modules.iter().filter(|module| pure(module.package)) {
        let file = &tree.files[module.file].path;
        let name = &tree.packages[module.package].name;
        let imports = module.references.imports.iter().map(|import| (&import.path, import.name.is_none()));
        let paths = module.references.paths.iter().map(|path| (path, false));
        for (path, is_glob) in imports.chain(paths).filter(|(path, is_glob)| is_forbidden(path, *is_glob)) {
            let text = path.segments.join("::") + if is_glob { "::*" } else { "" };
            faults.push(format!("{file}:{}: `{text}`: {name} uses no GPU, file, clock, thread or process", path.line));
        }
    }
    faults
}

fn is_forbidden(path: &NamePath, is_glob: bool) -> bool {
    let mut segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    if is_glob {
        segments.push("*");
    }
    FORBIDDEN.iter().any(|beginning| segments.starts_with(beginning))
}
