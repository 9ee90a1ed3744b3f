//! Gives the shared library its name, by which programs find it again, and pages of 16 KB where the phone has them.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let processor = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let mut arguments = match system.as_str() {
        "linux" | "android" => vec!["-Wl,-soname,libnestling_uniffi.so"],
        "macos" | "ios" => vec!["-Wl,-install_name,@rpath/libnestling_uniffi.dylib"],
        _ => vec![],
    };
    // Google Play asks for it. On arm64 Linux too, which is where a test reads it.
    if system == "android" || (system == "linux" && processor == "aarch64") {
        arguments.push("-Wl,-z,max-page-size=16384");
    }
    for argument in arguments {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
}
