//! A grouping key: the labels that name a group on a Pushgateway, and their form in its URL.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use crate::exposition::instance;
use crate::exposition::segment::segment_instance;
use crate::model::error::Error;
use crate::model::names::{check_label_name, is_legacy_label_name};
use crate::settings::Settings;

/// The job and further labels under which a Pushgateway keeps the metrics of a process.
///
/// A push replaces the whole group. So processes share a group only if they share a segment,
/// because then each of them pushes the counts of all.
///
/// ```
/// use dataclay_metrics_core::exposition::GroupingKey;
///
/// let group = GroupingKey::new("dataclay")?.label("instance", "node1/backend")?;
/// assert_eq!(group.path(), "/metrics/job/dataclay/instance@base64/bm9kZTEvYmFja2VuZA==");
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupingKey {
    labels: Vec<(String, String)>,
    /// Whether all processes that count in the segment of this process push to the group.
    is_shared: bool,
}

impl GroupingKey {
    /// Creates the key of a job, without further labels.
    ///
    /// # Errors
    ///
    /// [`Error::Label`] if the job is empty, because a Pushgateway refuses that.
    pub fn new(job: &str) -> Result<GroupingKey, Error> {
        if job.is_empty() {
            let rule = "the job of a grouping key must not be empty";
            return Err(Error::Label { name: "job".into(), rule });
        }
        Ok(GroupingKey { labels: vec![("job".into(), job.into())], is_shared: false })
    }

    /// Returns the key of the group that this process pushes to: `job`, `instance` and, if the
    /// settings have one, `service`.
    ///
    /// A process that counts in the segment of the settings shares the group with all other
    /// processes of the segment, under the instance [`segment_instance`]. Without a segment, the
    /// default instance is [`default_instance`].
    ///
    /// # Errors
    ///
    /// [`Error::Label`] if the job is empty.
    ///
    /// [`default_instance`]: crate::exposition::default_instance
    /// [`segment_instance`]: crate::exposition::segment_instance
    pub fn from_settings(settings: &Settings) -> Result<GroupingKey, Error> {
        let shared = segment_instance(settings);
        let is_shared = shared.is_some();
        let instance =
            shared.or_else(|| settings.instance.clone()).unwrap_or_else(instance::default_instance);
        let key = GroupingKey { is_shared, ..GroupingKey::new(&settings.job)? };
        let key = key.label("instance", &instance)?;
        match &settings.service {
            Some(service) => key.label("service", service),
            None => Ok(key),
        }
    }

    /// Adds a label. Its value may be any text, even empty.
    ///
    /// # Errors
    ///
    /// [`Error::Label`] if the name is not a label name, or is already in the key.
    pub fn label(mut self, name: &str, value: &str) -> Result<GroupingKey, Error> {
        check_label_name(name)?;
        if !is_legacy_label_name(name) {
            // The gateway refuses other names in a URL, unless a flag makes it decode `U__`.
            let rule = "a label of a grouping key must match [a-zA-Z_][a-zA-Z0-9_]*";
            return Err(Error::Label { name: name.into(), rule });
        }
        if self.labels.iter().any(|(known, _)| known == name) {
            let rule = "a label may occur only once in a grouping key";
            return Err(Error::Label { name: name.into(), rule });
        }
        self.labels.push((name.into(), value.into()));
        Ok(self)
    }

    /// Returns the names and values, the job first.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns whether all processes that count in the segment of this process push to the group,
    /// each the counts of all.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Returns the key of a forked child: the same, with the child's `instance` unless the group is
    /// shared. `parent` and `child` are process ids.
    ///
    /// # Errors
    ///
    /// This cannot fail, because the label `instance` is added only if the key lacks it.
    pub fn for_child(&self, parent: u32, child: u32) -> Result<GroupingKey, Error> {
        let mut key = self.clone();
        if self.is_shared {
            return Ok(key);
        }
        let Some((_, instance)) = key.labels.iter_mut().find(|(name, _)| name == "instance") else {
            return key.label("instance", &child.to_string());
        };
        *instance = instance::for_child(instance, parent, child);
        Ok(key)
    }

    /// Returns the path of the group's URL.
    ///
    /// A gateway splits the path at `/`, even at an escaped one. So a value that a URL cannot
    /// contain unescaped is written in the base64 form that gateways define.
    pub fn path(&self) -> String {
        let mut path = String::from("/metrics");
        for (name, value) in &self.labels {
            path.push('/');
            path.push_str(name);
            if is_plain(value) {
                path.push('/');
                path.push_str(value);
            } else {
                path.push_str("@base64/");
                // An empty segment would be lost. `=` means the empty value (README of the
                // Pushgateway).
                let encoded = URL_SAFE.encode(value);
                path.push_str(if encoded.is_empty() { "=" } else { &encoded });
            }
        }
        path
    }
}

/// Returns whether a path can contain the value unescaped: it has only unreserved characters of RFC
/// 3986 and colons, and is not a dot segment.
fn is_plain(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    !matches!(value, "" | "." | "..") && value.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_plain_or_base64_in_the_url() {
        for (value, segment) in [
            ("plain-1.0_x~", "/plain-1.0_x~"),
            ("", "@base64/="),
            (".", "@base64/Lg=="),
            ("..", "@base64/Li4="),
            ("a b", "@base64/YSBi"),
            ("a+b", "@base64/YSti"),
            ("a/b", "@base64/YS9i"),
            ("%2F", "@base64/JTJG"),
            ("é", "@base64/w6k="),
            ("host:9091", "/host:9091"),
            ("\u{3f}\u{3e}~~\u{ff}", "@base64/Pz5-fsO_"),
        ] {
            let key = GroupingKey::new("j").expect("a job").label("l", value).expect("a label");
            assert_eq!(key.path(), format!("/metrics/job/j/l{segment}"), "{value:?}");
        }
    }

    #[test]
    fn a_forked_child_has_another_group() {
        let job = GroupingKey::new("j").expect("a job");
        for (instance, expected) in [("host:17", "host:23"), ("edge", "edge:23"), ("", ":23")] {
            let key = job.clone().label("instance", instance).expect("a label");
            let child = key.for_child(17, 23).expect("a key");
            assert_eq!(child.labels().nth(1), Some(("instance", expected)));
        }
        let child = job.for_child(17, 23).expect("a key");
        assert_eq!(child.path(), "/metrics/job/j/instance/23");
    }

    #[test]
    fn invalid_jobs_and_label_names_are_refused() {
        assert!(GroupingKey::new("").is_err());
        let key = GroupingKey::new("j").expect("a job");
        for name in ["job", "__x", "a-b", ""] {
            assert!(key.clone().label(name, "v").is_err(), "{name}");
        }
    }

    proptest::proptest! {
        /// Checks that the name and the value are one segment each, and that the value is kept.
        #[test]
        fn any_value_is_encoded_in_one_path_segment(value in "\\PC*|[/.%+ =]*|(?s).*") {
            let key = GroupingKey::new("j").expect("a job").label("l", &value).expect("a label");
            let path = key.path();
            let segments: Vec<&str> = path.split('/').collect();
            proptest::prop_assert_eq!(segments.len(), 6);
            let held = match segments[4] {
                "l" => segments[5].as_bytes().to_vec(),
                _ if segments[5] == "=" => Vec::new(),
                _ => URL_SAFE.decode(segments[5]).expect("base64"),
            };
            proptest::prop_assert_eq!(held, value.as_bytes());
            proptest::prop_assert!(!matches!(segments[5], "" | "." | ".."));
        }
    }
}
