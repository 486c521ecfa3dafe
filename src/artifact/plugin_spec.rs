use serde::{Deserialize, Serialize};

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
    /// `spec.phase`, such as `AUTHN`.
    pub phase: Option<String>,
    /// `spec.priority`.
    pub priority: Option<i64>,
}

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
}

#[derive(Default, Deserialize)]
struct Placement {
    phase: Option<String>,
    priority: Option<i64>,
}

impl PluginSpec {
    /// Reads a `spec.yaml`; the error says line, column and what was expected.
    pub(super) fn parse(text: &str) -> Result<Self, serde_saphyr::Error> {
        let file: File = serde_saphyr::from_str(text)?;
        let (info, spec) = (file.info.unwrap_or_default(), file.spec.unwrap_or_default());
        // hgctl fills in `Unnamed` where the author gave no name.
        let named = |name: &String| !name.trim().is_empty() && name != "Unnamed";
        let filled = |text: &String| !text.trim().is_empty();
        Ok(Self {
            name: info.name.filter(named),
            version: info.version.filter(filled),
            title: info.title.filter(filled),
            description: info.description.filter(filled),
            phase: spec.phase.filter(filled),
            priority: spec.priority,
        })
    }
}

#[cfg(test)]
mod tests {
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
