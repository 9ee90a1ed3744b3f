//! Finds libtorch at run time, and compiles the one C++ file: the classes that autograd takes only in C++.

#[allow(dead_code)] // its `main` is for packages that name it as their script
mod rpath;

fn main() {
    rpath::print_rpath();
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
