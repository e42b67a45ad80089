//! The `instance` of a process: the label that distinguishes its group on a Pushgateway from
//! others.

/// Returns the default `instance` of a process: `host:pid`.
///
/// `host` is the name of this machine as the system knows it. In a forked child, `pid` is the
/// child's.
pub fn default_instance() -> String {
    format!("{}:{}", host_name(), std::process::id())
}

/// Returns the instance of a forked child, so that no two processes share a group.
///
/// If the parent's instance ends in its process id, the child's id replaces that; otherwise the
/// child's id is appended.
pub(crate) fn for_child(instance: &str, parent: u32, child: u32) -> String {
    let host = instance.strip_suffix(&format!(":{parent}")).unwrap_or(instance);
    format!("{host}:{child}")
}

/// Returns the host name; empty if the system refuses to return it.
#[allow(unsafe_code, reason = "std has no function for it")]
pub(crate) fn host_name() -> String {
    use std::ffi::CStr;

    /// Room for the longest host name that POSIX allows (`_POSIX_HOST_NAME_MAX`, 255), and its NUL.
    const MAX_HOST_NAME: usize = 256;
    let mut name = [0_u8; MAX_HOST_NAME];
    // SAFETY: the call writes at most one byte fewer than `name` has, so the last byte stays NUL.
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
        let uname = std::process::Command::new("uname").arg("-n").output().expect("uname");
        assert_eq!(host, String::from_utf8_lossy(&uname.stdout).trim());
    }

    #[test]
    fn a_forked_child_has_another_instance() {
        for (instance, child) in [("host:17", "host:23"), ("edge", "edge:23"), ("", ":23")] {
            assert_eq!(for_child(instance, 17, 23), child);
        }
    }
}
