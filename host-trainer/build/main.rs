//! Finds libtorch at run time, finds the commit, and compiles the C++ files: classes that autograd takes only in C++,
//! c10d, and questions that tch does not ask.

use std::path::PathBuf;

mod commit;
#[allow(dead_code)] // its `main` is for packages that name it as their script
mod rpath;

fn main() -> std::io::Result<()> {
    rpath::print_rpath();
    commit::print_commit();
    let sources = ["src/model/kernels/autograd.cpp", "src/torch/memory.cpp", "src/ranks/group.cpp"];
    sources.iter().chain(&["src/ranks/gloo.h"]).for_each(|source| println!("cargo::rerun-if-changed={source}"));
    let libtorch = std::env::var("LIBTORCH").unwrap_or_default();
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .include(format!("{libtorch}/include"))
        .include(format!("{libtorch}/include/torch/csrc/api/include"))
        .include(gloo_headers()?)
        .files(sources)
        .compile("nestling_autograd");
    Ok(())
}

/// A folder with the headers of gloo that c10d's own name, all of which are `src/ranks/gloo.h`.
fn gloo_headers() -> std::io::Result<PathBuf> {
    let headers = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("headers");
    let folder = headers.join("gloo");
    for name in ["common", "rendezvous", "transport"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    std::fs::copy("src/ranks/gloo.h", folder.join("gloo.h"))?;
    for name in ["algorithm.h", "common/error.h", "context.h", "rendezvous/store.h", "transport/device.h"] {
        std::fs::write(folder.join(name), "#include <gloo/gloo.h>\n")?;
    }
    Ok(headers)
}
