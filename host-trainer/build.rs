//! Tells this package's programs and tests where libtorch is, so that they run with no environment variables.
//!
//! Link arguments reach only the package whose build script prints them; a package that links the trainer's library
//! names this file as its own build script.

fn main() {
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
    // Packages that borrow this script link the library, which already holds the compiled file.
    if std::env::var("CARGO_PKG_NAME").is_ok_and(|name| name == "nestling-train") {
        compile_autograd();
    }
}

/// The one C++ file: a class that autograd takes only in C++.
fn compile_autograd() {
    let source = "src/model/kernels/autograd.cpp";
    println!("cargo::rerun-if-changed={source}");
    let libtorch = std::env::var("LIBTORCH").unwrap_or_default();
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .include(format!("{libtorch}/include"))
        .include(format!("{libtorch}/include/torch/csrc/api/include"))
        .file(source)
        .compile("nestling_autograd");
}
