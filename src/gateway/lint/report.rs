use std::collections::BTreeMap;

use serde::Serialize;

use super::{Finding, LintInput, Severity, lint};

/// What the linter has to say, as one JSON value: what `wasmplugin lint` and the API answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LintReport {
    /// By file, place and rule; only those of the level asked for and above.
    pub findings: Vec<Finding>,
    /// How many there are of each severity, those below the level included.
    pub count: BTreeMap<Severity, usize>,
    /// Plugins that were looked at.
    pub plugins: usize,
}

impl LintReport {
    /// Lints `input`; findings below `level` are only counted.
    pub fn of(input: &LintInput<'_>, level: Severity) -> Self {
        let mut findings = lint(input);
        let mut count = BTreeMap::new();
        for finding in &findings {
            *count.entry(finding.severity).or_default() += 1;
        }
        findings.retain(|finding| finding.severity >= level);
        let plugins = input.files.iter().map(|file| file.resources.plugins.len()).sum();
        Self { findings, count, plugins }
    }

    /// How many findings are of the severity `least` or above, those below the level included.
    pub fn count_from(&self, least: Severity) -> usize {
        self.count.range(least..).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::LintFile;
    use super::*;
    use crate::plugin::{ReadLimits, Resources};

    #[test]
    fn findings_below_the_level_are_only_counted() {
        let text = "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\n\
                    metadata: {name: p, namespace: higress-system}\n\
                    spec: {url: 'oci://r.io/p', defaultConfig: {}, matchRules: [{config: {}}]}\n";
        let resources = Resources::read(text.as_bytes(), &ReadLimits::default()).unwrap();
        let input = LintInput {
            files: vec![LintFile { name: "p.yaml", resources: &resources }],
            ..LintInput::default()
        };
        let [info, warning, error] = Severity::ALL.map(|level| LintReport::of(&input, level));
        assert_eq!(info.findings.len(), info.count_from(Severity::Info));
        assert!(error.findings.len() < warning.findings.len(), "{info:?}");
        assert_eq!(error.findings.len(), info.count_from(Severity::Error));
        assert_eq!((&info.count, &warning.count), (&error.count, &error.count));
        let json = serde_json::to_value(&error).unwrap();
        assert_eq!((&json["plugins"], &json["count"]["error"]), (&json!(1), &json!(error.findings.len())));
    }
}
