use serde_json::Value;

use super::{ConfigSchema, Phase};
use crate::oci::Digest;

/// What is known of the image that a `WasmPlugin` names, to judge the resource by. Nothing here is asked for again.
#[derive(Clone, Debug)]
pub struct ImageFacts {
    /// The digest of what the URL's tag or digest stands for.
    pub digest: Digest,
    /// Whether that is the image itself.
    pub kind: ImageKind,
    /// Bytes of the layer that holds the module, as gateways download it; none where no layer does.
    pub module_bytes: Option<u64>,
    /// The agents, of those that matter to whoever asks, that do not load the image.
    pub refused_by: Vec<Refusal>,
    /// What the image's `spec.yaml` says; none where it carries none.
    pub declaration: Option<Declaration>,
}

/// What a tag or digest stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// The manifest of an image.
    Image,
    /// An index. Agents take its linux/amd64 child, whatever machine they run on.
    Index {
        /// That child's digest, where there is one.
        child: Option<Digest>,
    },
}

/// An agent that does not load an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which agent, as people know it.
    pub agent: String,
    /// Why not, and what to do, in one sentence.
    pub reason: String,
}

impl ImageFacts {
    /// The digest that agents compare a pinned URL and `sha256` with: that of the image's own manifest, never that of
    /// an index (Istio, `pkg/wasm/imagefetcher.go`). None where an index has no child for agents.
    pub fn manifest_digest(&self) -> Option<&Digest> {
        match &self.kind {
            ImageKind::Image => Some(&self.digest),
            ImageKind::Index { child } => child.as_ref(),
        }
    }

    /// What `defaultConfig` has to look like, where the author says so.
    pub fn config_schema(&self) -> Option<&ConfigSchema> {
        self.declaration.as_ref()?.config_schema.as_ref()
    }

    /// What the `config` of a match rule has to look like, where the author says so.
    pub fn rule_config_schema(&self) -> Option<&ConfigSchema> {
        self.declaration.as_ref()?.rule_config_schema.as_ref()
    }
}

/// What a `spec.yaml` says of a plugin, understood.
#[derive(Clone, Debug, Default)]
pub struct Declaration {
    /// `info.name`.
    pub name: Option<String>,
    /// `info.version`.
    pub version: Option<String>,
    /// `spec.phase`.
    pub phase: Option<Phase>,
    /// `spec.priority`.
    pub priority: Option<i32>,
    /// `spec.configSchema.openAPIV3Schema`.
    pub config_schema: Option<ConfigSchema>,
    /// `spec.routeConfigSchema.openAPIV3Schema`; without one, what of the other schema is for rules.
    pub rule_config_schema: Option<ConfigSchema>,
    /// What could not be understood and is left out above, one sentence each.
    pub faults: Vec<String>,
}

/// What a `spec.yaml` says of a plugin, as written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Declared<'a> {
    /// `info.name`.
    pub name: Option<&'a str>,
    /// `info.version`.
    pub version: Option<&'a str>,
    /// `spec.phase`.
    pub phase: Option<&'a str>,
    /// `spec.priority`.
    pub priority: Option<i64>,
    /// `spec.configSchema.openAPIV3Schema`.
    pub config_schema: Option<&'a Value>,
    /// `spec.routeConfigSchema.openAPIV3Schema`.
    pub rule_config_schema: Option<&'a Value>,
}

impl Declaration {
    /// Understands `declared` as far as it can be.
    pub fn read(declared: &Declared<'_>) -> Self {
        let mut faults = Vec::new();
        let config_schema = declared
            .config_schema
            .and_then(|schema| understood(&mut faults, read_schema("configSchema", schema)));
        let declaration = Self {
            name: declared.name.map(ToOwned::to_owned),
            version: declared.version.map(ToOwned::to_owned),
            phase: declared.phase.and_then(|phase| understood(&mut faults, read_phase(phase))),
            priority: declared.priority.and_then(|priority| understood(&mut faults, read_priority(priority))),
            rule_config_schema: match (declared.rule_config_schema, declared.config_schema) {
                (Some(schema), _) => understood(&mut faults, read_schema("routeConfigSchema", schema)),
                // A schema that cannot be used was told of already.
                (None, Some(schema)) => ConfigSchema::compile_for_rules(schema).ok(),
                (None, None) => None,
            },
            config_schema,
            faults: Vec::new(),
        };
        Self { faults, ..declaration }
    }

    /// Nothing but the reason why there is nothing more.
    pub fn unreadable(reason: impl Into<String>) -> Self {
        Self { faults: vec![reason.into()], ..Self::default() }
    }
}

fn understood<T>(faults: &mut Vec<String>, read: Result<T, String>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

fn read_phase(text: &str) -> Result<Phase, String> {
    text.parse().map_err(|error| format!("`spec.phase`: {error}"))
}

fn read_priority(number: i64) -> Result<i32, String> {
    i32::try_from(number).map_err(|_| format!("`spec.priority`: `{number}` is no 32-bit integer"))
}

fn read_schema(field: &str, schema: &Value) -> Result<ConfigSchema, String> {
    ConfigSchema::compile(schema).map_err(|error| format!("`spec.{field}.openAPIV3Schema`: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plugin::Config;

    #[test]
    fn what_cannot_be_understood_is_left_out_and_told() {
        let schema = json!({"type": "object", "properties": {"a": {"default": 1}}});
        let broken = json!({"$ref": "https://example.com/schema.json"});
        let good = Declaration::read(&Declared {
            name: Some("key-auth"),
            phase: Some("AUTHN"),
            priority: Some(310),
            config_schema: Some(&schema),
            ..Declared::default()
        });
        assert_eq!((good.phase, good.priority), (Some(Phase::Authn), Some(310)));
        assert_eq!((good.config_schema.is_some(), good.faults), (true, vec![]));
        let bad = Declaration::read(&Declared {
            phase: Some("AUTHENTICATION"),
            priority: Some(1 << 40),
            config_schema: Some(&broken),
            rule_config_schema: Some(&schema),
            ..Declared::default()
        });
        assert_eq!((bad.phase, bad.priority), (None, None));
        assert!(bad.config_schema.is_none() && bad.rule_config_schema.is_some());
        let about = |field: &str| bad.faults.iter().any(|fault| fault.starts_with(&format!("`spec.{field}")));
        assert!(
            bad.faults.len() == 3 && ["phase", "priority", "configSchema"].into_iter().all(about),
            "{bad:?}"
        );
    }

    #[test]
    fn a_rule_is_held_against_its_own_schema_where_there_is_one() {
        let schema = |default: &str| {
            json!({
                "required": ["consumers"],
                "properties": {"from": {"default": default}, "consumers": {"x-scope": "GLOBAL"}},
            })
        };
        let (whole, rule) = (schema("configSchema"), schema("routeConfigSchema"));
        let facts = |rule_config_schema| ImageFacts {
            digest: Digest::sha256(b"image"),
            kind: ImageKind::Image,
            module_bytes: None,
            refused_by: Vec::new(),
            declaration: Some(Declaration::read(&Declared {
                config_schema: Some(&whole),
                rule_config_schema,
                ..Declared::default()
            })),
        };
        for (rule, expected) in [(None, "configSchema"), (Some(&rule), "routeConfigSchema")] {
            let facts = facts(rule);
            assert_eq!(facts.rule_config_schema().unwrap().defaults()["from"], expected);
            assert_eq!(facts.config_schema().unwrap().defaults()["from"], "configSchema");
            let nothing = Config::new();
            assert_eq!(facts.config_schema().unwrap().check(&nothing).len(), 1, "`consumers` is required");
            let as_rule = facts.rule_config_schema().unwrap().check(&nothing).len();
            assert_eq!(
                as_rule,
                usize::from(expected == "routeConfigSchema"),
                "but not in a rule, if it is global"
            );
        }
    }
}
