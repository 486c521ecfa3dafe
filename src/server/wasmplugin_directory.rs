use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::gateway::{Conversion, GatewaySettings, convert};
use crate::plugin::{
    FieldFault, FileError, ReadLimits, Resource, Resources, WasmPlugin, read_resource_file, resource_files,
};

/// A directory of `WasmPlugin`s that stands for what is applied to a cluster. Cheap to clone; the clones share what was
/// last told about it.
#[derive(Clone, Debug)]
pub struct WasmPluginDirectory {
    path: PathBuf,
    settings: GatewaySettings,
    told: Arc<Mutex<LeftOut>>,
}

/// What a controller has after it has seen every file of a directory.
#[derive(Debug, Default)]
pub struct Applied {
    /// How many `WasmPlugin`s the files hold.
    pub found: usize,
    /// What Istio gets, by namespace and name.
    pub converted: Vec<WasmPlugin>,
    /// What it does not get.
    pub left_out: LeftOut,
}

/// Files and resources of which Istio gets nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Each with its reason, in a sentence; at most [`LeftOut::MOST`].
    pub reasons: Vec<String>,
    /// How many there are beyond these.
    pub more: usize,
}

impl WasmPluginDirectory {
    /// Bytes of all files together; those beyond are left out.
    pub const MOST_BYTES: usize = 64 << 20;

    /// The directory at `path`, as a controller with `settings` sees it.
    pub fn new(path: &Path, settings: GatewaySettings) -> Self {
        Self { path: path.to_owned(), settings, told: Arc::default() }
    }

    /// Reads every file anew, one after the other.
    ///
    /// # Errors
    /// The directory itself cannot be read.
    pub fn read(&self) -> Result<Applied, FileError> {
        let mut reading =
            Reading { settings: &self.settings, applied: Applied::default(), by_name: BTreeMap::new() };
        let mut bytes_left = Self::MOST_BYTES;
        for path in resource_files(&self.path)? {
            let limits = ReadLimits::default();
            let limits = ReadLimits { bytes: limits.bytes.min(bytes_left), ..limits };
            let size = path.metadata().map_or(0, |metadata| metadata.len());
            bytes_left = bytes_left.saturating_sub(usize::try_from(size).unwrap_or(usize::MAX));
            match read_resource_file(&path, &limits) {
                Ok(resources) => reading.add(&path, resources),
                Err(error) => reading.applied.left_out.add(error),
            }
        }
        let Reading { mut applied, by_name, .. } = reading;
        applied.converted = by_name.into_values().collect();
        Ok(applied)
    }

    /// Logs what is left out, if it is not what was last logged.
    pub(super) fn tell(&self, Applied { left_out, .. }: &Applied) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told == *left_out {
            return;
        }
        for reason in left_out.sentences() {
            tracing::warn!(directory = %self.path.display(), reason, "a WasmPlugin is not applied");
        }
        told.clone_from(left_out);
    }
}

impl LeftOut {
    /// Reasons that are kept.
    pub const MOST: usize = 100;

    /// The reasons, and how many more there are.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        let more = (self.more > 0).then(|| format!("and {} more", self.more));
        self.reasons.iter().cloned().chain(more)
    }

    fn add(&mut self, reason: impl fmt::Display) {
        if self.reasons.len() < Self::MOST {
            self.reasons.push(reason.to_string());
        } else {
            self.more += 1;
        }
    }
}

/// What the files so far have come to.
struct Reading<'a> {
    settings: &'a GatewaySettings,
    applied: Applied,
    /// What Istio gets, by name: all of it is in the controller's namespace.
    by_name: BTreeMap<String, WasmPlugin>,
}

impl Reading<'_> {
    fn add(&mut self, path: &Path, resources: Resources) {
        if let Some(fault) = summary(&resources.faults) {
            self.applied.left_out.add(format_args!("`{}`: {fault}", path.display()));
        }
        for resource in resources.plugins {
            self.applied.found += 1;
            if let Some(reason) = self.apply(&resource) {
                let name = resource.plugin.full_name();
                self.applied.left_out.add(format_args!("`{}`: `{name}`: {reason}", path.display()));
            }
        }
    }

    /// Lets the controller see a resource; why Istio gets nothing of it, or of one before it.
    fn apply(&mut self, Resource { plugin, faults, .. }: &Resource) -> Option<String> {
        // The API server refuses it, and keeps what it has.
        if let Some(fault) = summary(faults) {
            return Some(fault);
        }
        let name = plugin.metadata.name.clone();
        match convert(plugin, self.settings) {
            Conversion::Converted(converted) => {
                let before = self.by_name.insert(name, converted.plugin);
                before.map(|_| "takes the place of an earlier resource of this name".to_owned())
            }
            conversion => {
                if conversion == Conversion::Dropped {
                    self.by_name.remove(&name);
                }
                Some(conversion.meaning())
            }
        }
    }
}

/// The first fault, and how many more there are.
fn summary(faults: &[FieldFault]) -> Option<String> {
    match faults {
        [] => None,
        [only] => Some(only.to_string()),
        [first, rest @ ..] => Some(format!("{first} (and {} more)", rest.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_reasons_are_told_and_the_rest_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let document = "kind: WasmPlugin\napiVersion: extensions.higress.io/v1alpha1\nmetadata: {name: p}\n\
                        spec: {priority: a, url: 1, phase: 2}\n";
        for (count, told, last) in [(100, 100, "(and 2 more)"), (103, 101, "and 3 more")] {
            let text = vec![document; count].join("---\n");
            std::fs::write(directory.path().join("a.yaml"), text).unwrap();
            let view = WasmPluginDirectory::new(directory.path(), GatewaySettings::default());
            let applied = view.read().unwrap();
            assert_eq!((applied.found, applied.converted.len()), (count, 0));
            let sentences: Vec<String> = applied.left_out.sentences().collect();
            assert_eq!(sentences.len(), told);
            assert!(sentences.last().unwrap().ends_with(last), "{sentences:?}");
        }
    }
}
