//! The description of a metric: its name, help, kind and labels.

use std::fmt;
use std::sync::Arc;

use crate::model::error::Error;
use crate::model::kept::KeptTexts;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::names::{check_metric_name, is_legacy_label_name, is_legacy_metric_name};

/// A metric's description. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desc {
    family: Arc<FamilyDesc>,
    labels: Labels,
}

/// The part of a description that all metrics of one family share.
#[derive(Debug, Default)]
struct FamilyDesc {
    name: String,
    help: String,
    kind: Kind,
    /// Empty for none.
    unit: String,
    /// Whether the name without the suffix of its kind is another family's.
    is_named_whole: bool,
    /// Whether the name and the names of all labels are legacy names. Computed once, for all
    /// encoders.
    is_legacy: bool,
    /// The names of the labels that identify the children of a labelled family.
    label_names: Box<[String]>,
    kept: KeptTexts,
}

impl PartialEq for FamilyDesc {
    fn eq(&self, other: &FamilyDesc) -> bool {
        self.kind == other.kind
            && self.name == other.name
            && self.help == other.help
            && self.unit == other.unit
            && self.is_named_whole == other.is_named_whole
            && self.label_names == other.label_names
    }
}

impl Eq for FamilyDesc {}

impl Desc {
    /// Returns a description. The name of a counter gets the suffix `_total`, and the name of an
    /// info gets `_info`, unless it has the suffix already. OpenMetrics requires both. The help may
    /// be any text.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name is empty, or only the suffix of its kind, because the
    /// family would have an empty name in OpenMetrics.
    pub fn new(kind: Kind, name: &str, help: &str, labels: Labels) -> Result<Desc, Error> {
        check_metric_name(name)?;
        let mut name = name.to_owned();
        match name.strip_suffix(kind.suffix()) {
            Some("") => return Err(Error::MetricName { name, rule: kind.name_rule() }),
            Some(_) => {}
            None => name.push_str(kind.suffix()),
        }
        Ok(Desc::unchecked(kind, name, help.to_owned(), labels))
    }

    /// Returns a description whose parts were checked elsewhere, and does not change them.
    pub(crate) fn unchecked(kind: Kind, name: String, help: String, labels: Labels) -> Desc {
        let is_legacy = is_legacy_metric_name(&name)
            // The label that names the states has the name of the state set.
            && kind.sample_label_in(&name).is_none_or(is_legacy_label_name)
            && labels.are_legacy();
        let family = FamilyDesc { name, help, kind, is_legacy, ..FamilyDesc::default() };
        Desc { family: Arc::new(family), labels }
    }

    /// Returns the same description with a unit, such as `seconds`, which OpenMetrics exposes. The
    /// empty text means no unit.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] unless the name, without `_total`, ends in `_` and the unit, as
    /// OpenMetrics requires. Also for an info or a state set, which cannot have a unit.
    pub fn with_unit(self, unit: &str) -> Result<Desc, Error> {
        if unit.is_empty() {
            return Ok(self);
        }
        let ends = |stem: &str| stem.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'));
        let rule = match self.kind().no_unit_rule() {
            Some(rule) => rule,
            None if ends(self.stem()) => {
                return Ok(self.with_family(|family| unit.clone_into(&mut family.unit)));
            }
            None => "a metric's name must end in its unit",
        };
        Err(Error::MetricName { name: self.name().to_owned(), rule })
    }

    /// Returns the same description, for a family of another library whose name without the suffix
    /// belongs to another family. It has no type in OpenMetrics.
    #[cfg(feature = "prometheus")]
    pub(crate) fn named_whole(self) -> Desc {
        self.with_family(|family| family.is_named_whole = true)
    }

    /// Returns the same description for a labelled family, whose children differ in the values of
    /// these labels. The labels of this description become constant labels, which each child has
    /// too.
    ///
    /// # Errors
    ///
    /// [`Error::Label`] if a name is empty, begins with `__`, or occurs twice; constant labels
    /// count.
    pub(crate) fn with_label_names(self, names: Box<[String]>) -> Result<Desc, Error> {
        let own = names.iter().map(|name| (name.as_str(), ""));
        Labels::new(self.labels.iter().chain(own))?;
        Ok(self.with_family(|family| {
            family.is_legacy &= names.iter().all(|name| is_legacy_label_name(name));
            family.label_names = names;
        }))
    }

    fn with_family(self, change: impl FnOnce(&mut FamilyDesc)) -> Desc {
        let FamilyDesc { name, help, kind, unit, is_named_whole, is_legacy, label_names, kept: _ } =
            &*self.family;
        let mut family = FamilyDesc {
            name: name.clone(),
            help: help.clone(),
            kind: *kind,
            unit: unit.clone(),
            is_named_whole: *is_named_whole,
            is_legacy: *is_legacy,
            label_names: label_names.clone(),
            kept: KeptTexts::default(),
        };
        change(&mut family);
        Desc { family: Arc::new(family), labels: self.labels }
    }

    /// Returns the description of the child with these values of the label names.
    pub(crate) fn for_child<V: AsRef<str>>(&self, values: &[V]) -> Desc {
        let constant = self.labels.iter();
        let names = self.family.label_names.iter().map(String::as_str);
        let all = constant.chain(names.zip(values.iter().map(AsRef::as_ref)));
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Desc { family: Arc::clone(&self.family), labels: Labels::unchecked(all.collect()) }
    }

    /// Returns the name, with `_total` for a counter.
    pub fn name(&self) -> &str {
        &self.family.name
    }

    /// Returns the help text, not escaped.
    pub fn help(&self) -> &str {
        &self.family.help
    }

    /// Returns whether the name and the names of all labels are legacy names, which Prometheus had
    /// before version 3: `[a-zA-Z_:][a-zA-Z0-9_:]*`, for labels without colons.
    #[inline]
    pub fn is_legacy(&self) -> bool {
        self.family.is_legacy
    }

    /// Returns the same description under another name, and without labels.
    pub(crate) fn renamed(&self, name: String) -> Desc {
        let FamilyDesc { help, kind, unit, is_named_whole, .. } = &*self.family;
        let (unit, is_named_whole) = (unit.clone(), *is_named_whole);
        Desc::unchecked(*kind, name, help.clone(), Labels::default()).with_family(|family| {
            family.unit = unit;
            family.is_named_whole = is_named_whole;
        })
    }

    /// Returns the type.
    pub fn kind(&self) -> Kind {
        self.family.kind
    }

    /// Returns the unit; empty for none.
    pub fn unit(&self) -> &str {
        &self.family.unit
    }

    /// Returns the labels that all samples have: all labels of a plain metric, or the constant
    /// labels of a labelled family.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Returns the names of the labels that identify the children of a labelled family.
    pub(crate) fn label_names(&self) -> &[String] {
        &self.family.label_names
    }

    /// Returns the place where readers keep data that they derive from this description without its
    /// labels.
    #[inline]
    pub(crate) fn kept(&self) -> &KeptTexts {
        &self.family.kept
    }

    /// Returns whether both describe samples of one family. They may differ in the values and in
    /// the order of their labels.
    pub(crate) fn same_family(&self, other: &Desc) -> bool {
        self.difference(other).is_none()
    }

    /// Returns why `other` belongs to another family, in words; `None` if it belongs to the same
    /// one.
    pub(crate) fn difference(&self, other: &Desc) -> Option<&'static str> {
        fn names(desc: &Desc) -> (Vec<&str>, Vec<&String>) {
            let mut labels: Vec<&str> = desc.labels().iter().map(|(name, _)| name).collect();
            let mut label_names: Vec<&String> = desc.label_names().iter().collect();
            labels.sort_unstable();
            label_names.sort_unstable();
            (labels, label_names)
        }
        Some(if self.kind() != other.kind() {
            "which has another type"
        } else if self.name() != other.name() {
            "whose samples have that name"
        } else if self.help() != other.help() {
            "which has another help text"
        } else if self.unit() != other.unit() {
            "which has another unit"
        } else if names(self) != names(other) {
            "which has other label names"
        } else {
            return None;
        })
    }

    /// Returns the names that no other family in a registry may use: the name of the family, and
    /// the names of its samples.
    pub fn reserved(&self) -> impl Iterator<Item = String> + '_ {
        let stem = self.stem();
        let has_no_type = self.suffix() != self.kind().suffix();
        let suffixes = if has_no_type { &[""] } else { self.kind().suffixes() };
        suffixes.iter().map(move |suffix| format!("{stem}{suffix}"))
    }

    /// Returns whether one of `names` is reserved, so that the family is or has what they name.
    #[doc(hidden)]
    pub fn reserves_one_of<'a>(&self, names: impl IntoIterator<Item = &'a String> + Copy) -> bool {
        self.reserved().any(|reserved| names.into_iter().any(|name| *name == reserved))
    }

    /// Returns the name without the suffix of its kind. Never empty.
    pub(crate) fn stem(&self) -> &str {
        if self.family.is_named_whole {
            return self.name();
        }
        match self.name().strip_suffix(self.kind().suffix()) {
            None | Some("") => self.name(),
            Some(stem) => stem,
        }
    }

    /// Returns the suffix of its kind, or the empty text if a name from another library lacks it.
    pub(crate) fn suffix(&self) -> &'static str {
        if self.stem().len() < self.name().len() { self.kind().suffix() } else { "" }
    }
}

impl fmt::Display for Desc {
    /// Writes the description in words, for error messages:
    /// `counter hits_total{a="1"}[b] ("Number of ...")`, where `a` is a constant label and `b` one
    /// that identifies children.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind().word(), self.name())?;
        if !self.labels().is_empty() {
            write!(f, "{}", self.labels())?;
        }
        if !self.label_names().is_empty() {
            write!(f, "[{}]", self.label_names().join(", "))?;
        }
        write!(f, " ({:?})", self.help())
    }
}

#[cfg(test)]
mod tests;
