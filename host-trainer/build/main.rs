//! Finds libtorch at run time, finds the commit, and compiles the C++ files: classes that autograd takes only in C++, and questions that
//! tch does not ask.

mod commit;
#[allow(dead_code)] // its `main` is for packages that name it as their script
mod rpath;

fn main() {
    rpath::print_rpath();
    commit::print_commit();
    let sources = ["src/model/kernels/autograd.cpp", "src/torch/memory.cpp"];
    sources.iter().for_each(|source| println!("cargo::rerun-if-changed={source}"));
    let libtorch = std::env::var("LIBTORCH").unwrap_or_default();
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .include(format!("{libtorch}/include"))
        .include(format!("{libtorch}/include/torch/csrc/api/include"))
        .files(sources)
        .compile("nestling_autograd");
}
