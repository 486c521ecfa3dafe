//! Builders for the chain's tests.

use std::collections::BTreeMap;

use crate::plugin::{Form, Metadata, Phase, Spec, WasmPlugin};

/// A plugin in Istio's form with nothing but a URL.
pub(super) fn plugin(namespace: &str, name: &str) -> WasmPlugin {
    let metadata =
        Metadata { name: name.to_owned(), namespace: Some(namespace.to_owned()), ..Metadata::default() };
    let spec = Spec { url: "oci://registry.example.com/plugins/p:1.0.0".to_owned(), ..Spec::default() };
    WasmPlugin { form: Form::Istio, metadata, spec }
}

/// [`plugin`] with a phase and a priority.
pub(super) fn placed(namespace: &str, name: &str, phase: Phase, priority: Option<i32>) -> WasmPlugin {
    let mut plugin = plugin(namespace, name);
    plugin.spec.phase = phase;
    plugin.spec.priority = priority;
    plugin
}

/// Labels of pairs.
pub(super) fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
