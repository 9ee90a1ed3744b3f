//! Gives the shared library its name, by which programs find it again.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let arguments: &[&str] = match system.as_str() {
        "linux" => &["-Wl,-soname,libnestling_c.so"],
        // Google Play asks for pages of 16 KB.
        "android" => &["-Wl,-soname,libnestling_c.so", "-Wl,-z,max-page-size=16384"],
        "macos" | "ios" => &["-Wl,-install_name,@rpath/libnestling_c.dylib"],
        _ => &[],
    };
    for argument in arguments {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
}
