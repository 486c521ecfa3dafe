use std::collections::{BTreeMap, BTreeSet};

use super::{LintRule, Severity, Subject};
use crate::gateway::{Flavours, GatewaySettings};
use crate::plugin::{ImageFacts, Resources};

/// What to lint, and what is known beside the files.
#[derive(Clone, Debug, Default)]
pub struct LintInput<'a> {
    /// The files, which go to one gateway.
    pub files: Vec<LintFile<'a>>,
    /// The gateway.
    pub settings: GatewaySettings,
    /// Whose rule matcher the modules carry, as far as anybody knows.
    pub flavours: Flavours,
    /// What the registry says of images, by the `url` of the resources that name them. Rules about images only look at
    /// these.
    pub images: BTreeMap<String, ImageFacts>,
    /// Rules that are turned off.
    pub disabled: BTreeSet<&'static LintRule>,
    /// Severities other than the rules' own.
    pub severities: BTreeMap<&'static LintRule, Severity>,
}

/// One file to lint.
#[derive(Clone, Copy, Debug)]
pub struct LintFile<'a> {
    /// What findings call it.
    pub name: &'a str,
    /// What it holds.
    pub resources: &'a Resources,
}

impl LintInput<'_> {
    /// Each resource of each file.
    pub(super) fn subjects(&self) -> impl Iterator<Item = Subject<'_>> {
        self.files.iter().flat_map(|file| {
            file.resources.plugins.iter().map(|resource| Subject::new(file.name, resource, self))
        })
    }
}
