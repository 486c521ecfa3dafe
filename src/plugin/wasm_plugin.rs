use super::fields::Fields;
use super::{Metadata, NodeValue, Spec};

/// One `WasmPlugin`, read from a file or made by conversion.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WasmPlugin {
    /// Whose resource it is.
    pub form: Form,
    /// `metadata`.
    pub metadata: Metadata,
    /// `spec`.
    pub spec: Spec,
}

/// Whose `WasmPlugin` it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// `extensions.higress.io/v1alpha1`, which Higress's controller converts.
    #[default]
    Higress,
    /// `extensions.istio.io/v1alpha1`, which Istio's discovery reads.
    Istio,
}

impl Form {
    /// `apiVersion` of the form.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::Higress => "extensions.higress.io/v1alpha1",
            Self::Istio => "extensions.istio.io/v1alpha1",
        }
    }
}

/// A name of another type is a fault already.
fn want_name(fields: &mut Fields<'_>) {
    let metadata = fields.node("metadata");
    let name = metadata.and_then(|metadata| metadata.member("name")).map(|name| &name.node.value);
    if name.is_none_or(|name| matches!(name, NodeValue::Text(text) if text.is_empty())) {
        let path = fields.path("metadata").key("name");
        let place = metadata.map_or_else(Default::default, |node| node.place);
        fields.findings().fault(place, &path, "is missing; every resource has a name");
    }
}

impl WasmPlugin {
    /// Reads the fields of `form`.
    pub(super) fn read(mut fields: Fields<'_>, form: Form) -> Self {
        fields.pass_over(&["apiVersion", "kind", "status"]);
        let metadata = fields.inner("metadata", Metadata::read);
        want_name(&mut fields);
        let spec = fields.inner("spec", |fields| Spec::read(fields, form));
        fields.close();
        Self { form, metadata: metadata.unwrap_or_default(), spec: spec.unwrap_or_default() }
    }

    /// `namespace/name`, as people and logs name it; only the name where no namespace is given.
    pub fn full_name(&self) -> String {
        match &self.metadata.namespace {
            Some(namespace) => format!("{namespace}/{}", self.metadata.name),
            None => self.metadata.name.clone(),
        }
    }
}
