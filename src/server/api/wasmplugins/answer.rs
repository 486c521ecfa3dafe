use serde::Serialize;

use super::text::refuse_faults;
use crate::plugin::{OtherResource, Resource, Resources, UnknownField};
use crate::server::problem::Problem;

/// A report on the `WasmPlugin`s of a text, and what the text holds besides.
#[derive(Serialize)]
pub(super) struct Answer<T> {
    #[serde(flatten)]
    report: T,
    /// Resources of other kinds, which were passed over.
    others: Vec<OtherResource>,
    /// Fields that the API server drops without a word.
    unknown: Vec<UnknownField>,
}

impl<T> Answer<T> {
    /// Reports on resources that have no fault.
    pub(super) fn on(resources: Resources, report: impl FnOnce(&[Resource]) -> T) -> Result<Self, Problem> {
        refuse_faults(&resources)?;
        let Resources { plugins, others, .. } = resources;
        let report = report(&plugins);
        let unknown = plugins.into_iter().flat_map(|resource| resource.unknown).collect();
        Ok(Self { report, others, unknown })
    }
}
