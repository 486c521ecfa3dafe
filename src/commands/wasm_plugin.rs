use std::fmt;

use crate::oci::ImageReference;

use super::pull_policy::PullPolicy;

/// A Higress `WasmPlugin` resource that runs one image, ready to paste.
#[derive(Clone, Debug)]
pub(super) struct WasmPlugin<'a> {
    /// Where the gateway finds the image.
    pub(super) url: &'a ImageReference,
    /// `spec.phase` of the plugin's `spec.yaml`, where there is one.
    pub(super) phase: Option<&'a str>,
    /// `spec.priority` of the plugin's `spec.yaml`, where there is one.
    pub(super) priority: Option<i64>,
}

impl WasmPlugin<'_> {
    /// The last part of the repository name, with nothing in it that Kubernetes refuses in a name.
    fn name(&self) -> String {
        let last = self.url.repository.as_str().rsplit('/').next().unwrap_or_default();
        last.chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '-' })
            .collect()
    }
}

/// A text of `spec.yaml` as YAML that means just this text: quoted, unless it is a plain word.
fn scalar(text: &str) -> String {
    let is_word = text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    if is_word { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// YAML, one resource.
impl fmt::Display for WasmPlugin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "apiVersion: extensions.higress.io/v1alpha1")?;
        writeln!(f, "kind: WasmPlugin")?;
        writeln!(f, "metadata:\n  name: {}\n  namespace: higress-system", self.name())?;
        // Agents read a URL without a scheme and with a port as an unknown scheme.
        write!(f, "spec:\n  url: oci://{}", self.url)?;
        if let Some(policy) = PullPolicy::of(self.url).field() {
            write!(f, "\n  imagePullPolicy: {policy}")?;
        }
        if let Some(phase) = self.phase {
            write!(f, "\n  phase: {}", scalar(phase))?;
        }
        if let Some(priority) = self.priority {
            write!(f, "\n  priority: {priority}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_names_url_policy_phase_and_priority() {
        let url = "r.example.com:5000/plugins/key_auth:1.0.0".parse().unwrap();
        let resource = WasmPlugin { url: &url, phase: Some("AUTHN"), priority: Some(310) };
        insta::assert_snapshot!(resource, @r"
        apiVersion: extensions.higress.io/v1alpha1
        kind: WasmPlugin
        metadata:
          name: key-auth
          namespace: higress-system
        spec:
          url: oci://r.example.com:5000/plugins/key_auth:1.0.0
          imagePullPolicy: IfNotPresent
          phase: AUTHN
          priority: 310
        ");
    }

    #[test]
    fn a_phase_cannot_add_fields_of_its_own() {
        let url = "r.io/plugins/a:1".parse().unwrap();
        let phase = Some("AUTHN\n  priority: 1");
        let resource = WasmPlugin { url: &url, phase, priority: None }.to_string();
        assert!(resource.ends_with(r#"phase: "AUTHN\n  priority: 1""#), "{resource}");
    }

    #[test]
    fn a_pinned_url_needs_no_policy() {
        let url = format!("r.io/plugins/a@sha256:{}", "0".repeat(64)).parse().unwrap();
        let resource = WasmPlugin { url: &url, phase: None, priority: None }.to_string();
        assert!(!resource.contains("imagePullPolicy") && !resource.contains("phase"), "{resource}");
    }
}
