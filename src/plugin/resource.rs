use serde::Serialize;

use super::fields::{Fields, Findings};
use super::{FieldPath, Form, Node, NodeValue, Place, ReadError, ReadLimits, WasmPlugin, read};

/// One `WasmPlugin` as it stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// What it says.
    pub plugin: WasmPlugin,
    /// Fields that the API server drops without a word.
    pub unknown: Vec<UnknownField>,
    /// Fields whose values the API server refuses; what they say is missing in `plugin`.
    pub faults: Vec<FieldFault>,
    /// The document, for places.
    pub source: Node,
}

/// A field that the resource does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownField {
    /// The way to it.
    pub path: FieldPath,
    /// Where its key stands.
    #[serde(flatten)]
    pub place: Place,
}

/// A field with a value that it does not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{place}: `{path}` {problem}")]
pub struct FieldFault {
    /// The way to it.
    pub path: FieldPath,
    /// Where its value stands.
    #[serde(flatten)]
    pub place: Place,
    /// What it is and what it should be.
    pub problem: String,
}

/// Everything that a text held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// The `WasmPlugin`s, in the text's order.
    pub plugins: Vec<Resource>,
    /// Resources of other kinds, which were passed over.
    pub others: Vec<OtherResource>,
    /// Documents that are no resource at all.
    pub faults: Vec<FieldFault>,
}

/// A resource that is no `WasmPlugin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherResource {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// Where it begins.
    #[serde(flatten)]
    pub place: Place,
}

impl Resources {
    /// Reads the resources of `text`: YAML or JSON, several documents, a `List`, or what a controller's
    /// `/debug/configz` answers, an array.
    ///
    /// # Errors
    /// The text cannot be read at all. What is wrong with one document is among the `faults`.
    pub fn read(text: &[u8], limits: &ReadLimits) -> Result<Self, ReadError> {
        let mut resources = Self::default();
        for document in read(text, limits)? {
            resources.add(document, &FieldPath::root());
        }
        Ok(resources)
    }

    /// What keeps the text from being used as it stands, in the text's order.
    pub fn faults(&self) -> impl Iterator<Item = &FieldFault> {
        self.faults.iter().chain(self.plugins.iter().flat_map(|resource| &resource.faults))
    }

    fn add(&mut self, document: Node, path: &FieldPath) {
        if let NodeValue::List(items) = document.value {
            for (index, item) in items.into_iter().enumerate() {
                self.add(item, &path.index(index));
            }
            return;
        }
        match Identity::of(&document, path) {
            Err(fault) => self.faults.push(fault),
            Ok(Identity::List) => self.add_items(document, path),
            Ok(Identity::WasmPlugin(form)) => self.plugins.push(Resource::of(document, form)),
            Ok(Identity::Other(other)) => self.others.push(other),
        }
    }

    fn add_items(&mut self, list: Node, path: &FieldPath) {
        let NodeValue::Object(members) = list.value else { return };
        for member in members.into_iter().filter(|member| member.key == "items") {
            self.add(member.node, &path.key("items"));
        }
    }
}

/// What a document is, by `apiVersion` and `kind`.
enum Identity {
    List,
    WasmPlugin(Form),
    Other(OtherResource),
}

impl Identity {
    fn of(document: &Node, path: &FieldPath) -> Result<Self, FieldFault> {
        let fault = |key: &str, problem: String| {
            let path = path.key(key);
            FieldFault { place: document.place_of(&path), path, problem }
        };
        let text = |key: &str| match document.member(key).map(|member| &member.node.value) {
            Some(NodeValue::Text(text)) => Ok(text.as_str()),
            Some(_) => Err(fault(key, "is no string".to_owned())),
            None => Err(fault(key, "is missing; every resource has `apiVersion` and `kind`".to_owned())),
        };
        let (kind, api_version) = (text("kind")?, text("apiVersion")?);
        let form = [Form::Higress, Form::Istio].into_iter().find(|form| form.api_version() == api_version);
        match form {
            Some(form) if kind == "WasmPlugin" => Ok(Self::WasmPlugin(form)),
            _ if kind == "List" || (form.is_some() && kind == "WasmPluginList") => Ok(Self::List),
            Some(_) if is_slip_of_wasm_plugin(kind) => {
                Err(fault("kind", format!("is `{kind}`, expected `WasmPlugin`")))
            }
            None if kind == "WasmPlugin" => Err(fault("apiVersion", {
                let [higress, istio] = [Form::Higress, Form::Istio].map(Form::api_version);
                format!("is `{api_version}`, expected `{higress}` or `{istio}`")
            })),
            _ => Ok(Self::Other(OtherResource {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                place: document.place,
            })),
        }
    }
}

/// A word that is nearly `WasmPlugin`. The groups have other kinds, `TrafficExtension` for one.
fn is_slip_of_wasm_plugin(kind: &str) -> bool {
    // The distance costs the product of both lengths.
    const LONGEST: usize = 20;
    const MOST_SLIPS: usize = 3;
    kind.len() <= LONGEST && strsim::damerau_levenshtein(&kind.to_lowercase(), "wasmplugin") <= MOST_SLIPS
}

impl Resource {
    fn of(source: Node, form: Form) -> Self {
        let mut findings = Findings::default();
        let plugin = Fields::open(&source, FieldPath::root(), &mut findings)
            .map(|fields| WasmPlugin::read(fields, form))
            .unwrap_or_default();
        let Findings { faults, unknown } = findings;
        Self { plugin, unknown, faults, source }
    }

    /// Where `path` stands.
    pub fn place_of(&self, path: &FieldPath) -> Place {
        self.source.place_of(path)
    }
}

#[cfg(test)]
mod tests;
