//! Tells a package's programs and tests where libtorch is, so that they run with no environment variables.
//!
//! Link arguments reach only the package whose build script prints them; a package that links the trainer's library
//! names this file as its own build script.

fn main() {
    print_rpath();
}

/// Prints the link arguments.
pub fn print_rpath() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    // Searched after LD_LIBRARY_PATH, so that a binary carried to another machine can be shown that one's libtorch.
    println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags");
    // Programs lie in target/<profile>, tests and examples one folder deeper: a moved checkout still runs.
    for folder in ["$ORIGIN/../libtorch/lib", "$ORIGIN/../../libtorch/lib"] {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
    // And the absolute path, for when CARGO_TARGET_DIR is elsewhere. Set in .cargo/config.toml.
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
}
