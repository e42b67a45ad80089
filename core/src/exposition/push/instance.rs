//! The `instance` of a process: the label by which its group on a Pushgateway differs from others.

/// Returns the `instance` of a process for which none is set: `host:pid`.
///
/// `host` is the name of this machine as the system knows it. In a forked child, `pid` is the
/// child's.
pub fn default_instance() -> String {
    format!("{}:{}", host_name(), std::process::id())
}

/// Returns the instance of a forked child, so that no two processes share a group.
///
/// If the parent's instance ends in its process id, the child's id replaces it; otherwise the
/// child's is added.
pub(crate) fn for_child(instance: &str, parent: u32, child: u32) -> String {
    let host = instance.strip_suffix(&format!(":{parent}")).unwrap_or(instance);
    format!("{host}:{child}")
}

/// Returns the name of this machine; empty if the system refuses to name it.
#[allow(unsafe_code, reason = "std has no function for it")]
pub(crate) fn host_name() -> String {
    use std::ffi::CStr;

    /// Bytes that hold the longest host name that POSIX allows (`_POSIX_HOST_NAME_MAX`, 255), and
    /// its NUL.
    const MAX_HOST_NAME: usize = 256;
    let mut name = [0_u8; MAX_HOST_NAME];
    // SAFETY: `name` has room for the bytes that may be written, which are one fewer than it holds,
    // so that the last one stays NUL.
    let failed = unsafe { libc::gethostname(name.as_mut_ptr().cast(), MAX_HOST_NAME - 1) } != 0;
    let name = CStr::from_bytes_until_nul(&name).unwrap_or_default();
    if failed { String::new() } else { name.to_string_lossy().into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_host_and_process_id() {
        let instance = default_instance();
        let (host, pid) = instance.rsplit_once(':').expect("host:pid");
        assert_eq!(pid, std::process::id().to_string());
        let named = std::process::Command::new("uname").arg("-n").output().expect("uname");
        assert_eq!(host, String::from_utf8_lossy(&named.stdout).trim());
    }

    #[test]
    fn a_forked_child_has_another_instance() {
        for (instance, child) in [("host:17", "host:23"), ("edge", "edge:23"), ("", ":23")] {
            assert_eq!(for_child(instance, 17, 23), child);
        }
    }
}
