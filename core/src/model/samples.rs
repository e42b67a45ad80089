//! The samples of a family, made when they are first used.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use crate::model::exemplar::Exemplar;
use crate::model::kept::Kept;
use crate::model::labels::Labels;
use crate::model::layout::Layout;
use crate::model::native::NativeHistogram;
use crate::model::sample::Sample;
use crate::model::value::{self, Value};

/// The samples of a family: a `Vec`, which for a labelled family is made when it is first used.
///
/// An encoder writes thousands of samples without ever making the `Vec`. To make a sample, and to
/// change the reference count of its labels, takes longer than to write it.
#[derive(Clone, Default)]
pub struct Samples {
    list: OnceLock<Vec<Sample>>,
    children: Option<ChildValues>,
    /// The native histograms of a family whose samples are a list.
    native: Vec<(Labels, NativeHistogram)>,
}

/// The values of the children of a labelled family.
#[derive(Clone)]
pub(crate) struct ChildValues {
    /// The labels of each child.
    pub(crate) labels: Arc<dyn LabelSets>,
    /// The layout of each child.
    pub(crate) layout: Layout,
    /// All values of the first child, all of the second, and so on: of each as many as the width of
    /// the layout. `None` has no sample.
    pub(crate) values: Vec<Option<Value>>,
    /// Exemplars, each with the place of its value, in ascending order.
    pub(crate) exemplars: Vec<(usize, Arc<Exemplar>)>,
}

/// The labels of the children of a family, by their place.
pub(crate) trait LabelSets: Send + Sync {
    /// Returns how many children there are.
    fn len(&self) -> usize;

    /// Returns the labels of the child at a place that exists.
    fn labels(&self, at: usize) -> &Labels;

    /// Returns when the child at a place that exists was zero.
    fn created(&self, at: usize) -> Option<SystemTime>;

    /// Returns a number that changes whenever [`LabelSets::created`] of any child does.
    fn created_version(&self) -> u64;

    /// Returns the place where readers keep what they derive from these labels.
    fn kept(&self) -> &Kept;
}

impl Samples {
    pub(crate) fn for_children(children: ChildValues) -> Samples {
        Samples { children: Some(children), ..Samples::default() }
    }

    /// Returns the native histograms of the family, each with the labels of its metric, without
    /// `le`. Empty unless the family has native buckets. They show the same observations as the
    /// samples.
    pub fn native_histograms(&self) -> Vec<(Labels, NativeHistogram)> {
        self.children.as_ref().map_or_else(|| self.native.clone(), ChildValues::native_histograms)
    }

    /// Adds a native histogram.
    pub(crate) fn push_native(&mut self, labels: &Labels, native: NativeHistogram) {
        self.make_list();
        self.native.push((labels.clone(), native));
    }

    /// Keeps the samples and native histograms with these labels.
    pub(crate) fn retain_labels(&mut self, keep: impl Fn(&Labels) -> bool) {
        self.retain(|sample| keep(&sample.labels));
        self.native.retain(|(labels, _)| keep(labels));
    }

    /// Replaces the labels of all samples and native histograms.
    pub(crate) fn relabel(&mut self, new: impl Fn(&Labels) -> Labels) {
        self.iter_mut().for_each(|sample| sample.labels = new(&sample.labels));
        self.native.iter_mut().for_each(|(labels, _)| *labels = new(labels));
    }

    /// Appends the samples and native histograms of another family.
    pub(crate) fn append(&mut self, mut other: Samples) {
        self.extend(std::mem::take(&mut *other));
        self.native.append(&mut other.native);
    }

    /// Makes the list, and forgets the children.
    fn make_list(&mut self) {
        if let Some(children) = self.children.take() {
            self.native = children.native_histograms();
            self.list.get_or_init(|| children.samples());
        }
    }

    /// Returns how many samples there are at most, without making them.
    pub(crate) fn most(&self) -> usize {
        let made = self.list.get().map_or(0, Vec::len);
        let of_child =
            |children: &ChildValues| children.labels.len() * children.layout.parts().len();
        self.children().map_or(made, of_child)
    }

    /// Returns the children of a labelled family, unless its samples were made already.
    pub(crate) fn children(&self) -> Option<&ChildValues> {
        self.children.as_ref().filter(|_| self.list.get().is_none())
    }
}

impl ChildValues {
    fn samples(&self) -> Vec<Sample> {
        let parts = self.layout.parts();
        let mut samples = Vec::with_capacity(self.labels.len() * parts.len());
        let mut exemplars = self.exemplars.iter().peekable();
        let width = self.layout.width();
        for (at, values) in self.values.chunks_exact(width).enumerate() {
            let (labels, created) = (self.labels.labels(at), self.labels.created(at));
            let first = at * width;
            for (place, (part, value)) in (first..).zip(parts.iter().zip(values)) {
                let exemplar = exemplars.next_if(|(of, _)| *of == place);
                if let Some(value) = value {
                    let exemplar = exemplar.map(|(_, exemplar)| Arc::clone(exemplar));
                    let sample = Sample::of(part, labels, created, *value);
                    samples.push(Sample { exemplar, ..sample });
                }
            }
        }
        samples
    }

    fn native_histograms(&self) -> Vec<(Labels, NativeHistogram)> {
        if self.layout.native().is_none() {
            return Vec::new();
        }
        let of_child = |(at, values): (usize, &[Option<Value>])| {
            Some((self.labels.labels(at).clone(), value::native_histogram(&self.layout, values)?))
        };
        let children = self.values.chunks_exact(self.layout.width()).enumerate();
        children.filter_map(of_child).collect()
    }
}

impl Deref for Samples {
    type Target = Vec<Sample>;

    fn deref(&self) -> &Vec<Sample> {
        let make = || self.children.as_ref().map(ChildValues::samples).unwrap_or_default();
        self.list.get_or_init(make)
    }
}

impl DerefMut for Samples {
    fn deref_mut(&mut self) -> &mut Vec<Sample> {
        self.make_list();
        self.list.get_or_init(Vec::new);
        self.list.get_mut().expect("made on the line above")
    }
}

impl From<Vec<Sample>> for Samples {
    fn from(list: Vec<Sample>) -> Samples {
        Samples { list: OnceLock::from(list), ..Samples::default() }
    }
}

impl IntoIterator for Samples {
    type Item = Sample;
    type IntoIter = std::vec::IntoIter<Sample>;

    fn into_iter(mut self) -> Self::IntoIter {
        std::mem::take(&mut *self).into_iter()
    }
}

impl<'a> IntoIterator for &'a Samples {
    type Item = &'a Sample;
    type IntoIter = std::slice::Iter<'a, Sample>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Samples {
    fn eq(&self, other: &Samples) -> bool {
        **self == **other && self.native_histograms() == other.native_histograms()
    }
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}
