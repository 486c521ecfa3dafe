use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::Document;

/// What we read of a Higress `spec.yaml`; the file itself is packed as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PluginSpec {
    /// `info.name`.
    pub name: Option<String>,
    /// `info.version`.
    pub version: Option<String>,
    /// `info.title`.
    pub title: Option<String>,
    /// `info.description`.
    pub description: Option<String>,
    /// `info.category`, such as `auth`.
    pub category: Option<String>,
    /// `spec.phase`, such as `AUTHN`.
    pub phase: Option<String>,
    /// `spec.priority`.
    pub priority: Option<i64>,
    /// `spec.configSchema.openAPIV3Schema`: what `defaultConfig` has to look like. A report says whether there is one.
    #[serde(serialize_with = "whether")]
    pub config_schema: Option<Value>,
    /// `spec.routeConfigSchema.openAPIV3Schema`: the same for the `config` of a match rule, where that differs.
    #[serde(serialize_with = "whether")]
    pub route_config_schema: Option<Value>,
}

/// Why a `spec.yaml` cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct PluginSpecError(#[from] serde_saphyr::Error);

#[derive(Default, Deserialize)]
struct File {
    #[serde(default)]
    info: Option<Info>,
    #[serde(default)]
    spec: Option<Placement>,
}

#[derive(Default, Deserialize)]
struct Info {
    name: Option<String>,
    version: Option<String>,
    title: Option<String>,
    description: Option<String>,
    category: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placement {
    phase: Option<String>,
    priority: Option<i64>,
    config_schema: Option<Schema>,
    route_config_schema: Option<Schema>,
}

#[derive(Deserialize)]
struct Schema {
    #[serde(rename = "openAPIV3Schema")]
    open_api: Option<Value>,
}

impl PluginSpec {
    /// The most a file may have.
    pub const MAX_BYTES: u64 = Document::MAX_BYTES;

    /// Reads a `spec.yaml`; the error says line, column and what was expected.
    ///
    /// The file may be of any producer: it is read in bounded memory, whatever its aliases unfold to.
    pub fn parse(text: &str) -> Result<Self, PluginSpecError> {
        let file: File = serde_saphyr::from_str_with_options(text, reading())?;
        let (info, spec) = (file.info.unwrap_or_default(), file.spec.unwrap_or_default());
        // hgctl fills in `Unnamed` where the author gave no name.
        let named = |name: &String| !name.trim().is_empty() && name != "Unnamed";
        let filled = |text: &String| !text.trim().is_empty();
        Ok(Self {
            name: info.name.filter(named),
            version: info.version.filter(filled),
            title: info.title.filter(filled),
            description: info.description.filter(filled),
            category: info.category.filter(filled),
            phase: spec.phase.filter(filled),
            priority: spec.priority,
            config_schema: spec.config_schema.and_then(|schema| schema.open_api),
            route_config_schema: spec.route_config_schema.and_then(|schema| schema.open_api),
        })
    }
}

/// As Kubernetes reads YAML, and with room for what a large file says without aliases.
fn reading() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_total_scalar_bytes: 8 * 1024 * 1024,
            max_nodes: 100_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
        },
        legacy_octal_numbers: true,
    }
}

#[expect(clippy::ref_option, reason = "serde hands out a reference to the field")]
fn whether<S: Serializer>(schema: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(schema.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_hgctl_writes_is_read() {
        let text = "apiVersion: 1.0.0\ninfo:\n  category: custom\n  name: key-auth\n  title: Key Auth\n  \
                    x-title-i18n:\n    zh-CN: 密钥\n  description: Checks a key\n  version: 1.10\nspec:\n  \
                    phase: AUTHN\n  priority: 310\n  configSchema:\n    openAPIV3Schema:\n      type: object\n";
        let spec = PluginSpec::parse(text).unwrap();
        assert_eq!(spec.name.as_deref(), Some("key-auth"));
        assert_eq!(spec.version.as_deref(), Some("1.10"), "an unquoted version is text, not a number");
        assert_eq!((spec.phase.as_deref(), spec.priority), (Some("AUTHN"), Some(310)));
        assert_eq!(spec.description.as_deref(), Some("Checks a key"));
        assert_eq!(spec.category.as_deref(), Some("custom"));
        assert_eq!(spec.config_schema, Some(json!({"type": "object"})));
    }

    #[test]
    fn a_report_says_whether_there_are_schemas_and_does_not_print_them() {
        let text = "spec:\n  configSchema:\n    openAPIV3Schema: {default: {mode: 0644, on: yes}}\n  \
                    routeConfigSchema:\n";
        let spec = PluginSpec::parse(text).unwrap();
        assert_eq!(spec.config_schema, Some(json!({"default": {"mode": 420, "on": true}})));
        let report = serde_json::to_value(&spec).unwrap();
        assert_eq!((&report["config_schema"], &report["route_config_schema"]), (&json!(true), &json!(false)));
    }

    #[test]
    fn a_file_that_unfolds_is_refused() {
        let text = format!("info: &info\n  name: {}\nmore: [{}]", "x".repeat(100_000), "*info,".repeat(90));
        let error = PluginSpec::parse(&text).unwrap_err().to_string();
        assert!(error.contains("budget") || error.contains("limit"), "{error}");
        let deep = format!("spec: {}{}", "{configSchema: ".repeat(60), "}".repeat(60));
        assert!(PluginSpec::parse(&deep).is_ok());
        let too_deep = format!("more: {}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(PluginSpec::parse(&too_deep).is_err());
    }

    #[test]
    fn what_is_left_open_stays_open() {
        for text in ["{}", "info:\nspec:\n", "info:\n  name: Unnamed\n  version: ''\n"] {
            assert_eq!(PluginSpec::parse(text).unwrap(), PluginSpec::default(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for text in ["info: [", "info: 3", "spec:\n  priority: high\n", "- a list"] {
            assert!(PluginSpec::parse(text).is_err(), "{text}");
        }
    }
}
