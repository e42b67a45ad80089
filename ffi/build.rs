//! Sets the soname of the shared library, and keeps it loaded.
//!
//! The soname holds the major version. While that is 0 it also holds the minor version, because a
//! new minor version may then change the ABI. `dlclose` does not unload the library, because its
//! threads, its fork handlers and its thread-local data must stay valid.

fn main() {
    let version = |part: &str| std::env::var(format!("CARGO_PKG_VERSION_{part}"));
    let (Ok(major), Ok(minor)) = (version("MAJOR"), version("MINOR")) else { return };
    let abi = if major == "0" { format!("0.{minor}") } else { major };
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libdataclay_metrics.so.{abi}");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
