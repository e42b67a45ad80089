//! Fuzzes the grouping key: each job, label and value is refused or is one segment of the path.
#![no_main]

use dataclay_metrics_core::exposition::GroupingKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|parts: (&str, &str, &str)| {
    let (job, name, value) = parts;
    let Ok(key) = GroupingKey::new(job).and_then(|key| key.label(name, value)) else { return };
    let path = key.path();
    let segments: Vec<&str> = path.split('/').collect();
    let ["", "metrics", job_name, _, label_name, _] = segments[..] else { panic!("{path}") };
    assert!(matches!(job_name, "job" | "job@base64"), "{path}");
    assert_eq!(label_name.strip_suffix("@base64").unwrap_or(label_name), name, "{path}");
    for segment in [segments[3], segments[5]] {
        assert!(!matches!(segment, "" | "." | ".."), "{path}");
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:=".contains(&byte);
        assert!(segment.bytes().all(is_allowed), "{path}");
    }
    assert!(key.labels().eq([("job", job), (name, value)]), "{path}");
});
