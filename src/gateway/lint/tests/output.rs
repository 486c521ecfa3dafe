//! Findings as people and programs read them.

use super::super::{Finding, LintFile, LintInput, LintRule, Severity, lint};
use super::{ids, lint_text};
use crate::plugin::{FieldPath, Place, ReadLimits, Resources};

fn finding(file: &str, message: &str, severity: Severity) -> Finding {
    Finding {
        rule: LintRule::find("wrong-namespace").unwrap(),
        severity,
        file: file.to_owned(),
        place: Place { line: 12, column: 5 },
        path: FieldPath::of(&["metadata", "namespace"]),
        plugin: Some("default/key-auth".to_owned()),
        message: message.to_owned(),
        fix: "write `namespace: higress-system`".to_owned(),
    }
}

#[test]
fn a_finding_reads_like_a_compilers_message() {
    assert_eq!(
        finding("plugin.yaml", "it is elsewhere", Severity::Error).to_string(),
        "plugin.yaml:12:5: error[wrong-namespace]: it is elsewhere\n  fix: write `namespace: higress-system`"
    );
    let nowhere = Finding { place: Place::default(), ..finding("-", "it is elsewhere", Severity::Info) };
    assert!(nowhere.to_string().starts_with("-: info[wrong-namespace]: "), "{nowhere}");
}

#[test]
fn a_finding_in_json_names_the_rule_and_the_place() {
    let json = serde_json::to_value(finding("plugin.yaml", "it is elsewhere", Severity::Error)).unwrap();
    let expected = serde_json::json!({
        "rule": "wrong-namespace",
        "severity": "error",
        "file": "plugin.yaml",
        "line": 12,
        "column": 5,
        "path": "metadata.namespace",
        "plugin": "default/key-auth",
        "message": "it is elsewhere",
        "fix": "write `namespace: higress-system`",
    });
    assert_eq!(json, expected);
}

const TWO_FAULTS: &str = "\
apiVersion: extensions.higress.io/v1alpha1
kind: WasmPlugin
metadata: {name: p, namespace: default}
spec:
  url: oci://r.io/p
  priority: 1
  failStrategy: FAIL_CLOSE
  defaultConfig: {a: 1}
";

#[test]
fn a_rule_can_be_turned_off_or_weighed_otherwise() {
    let rule = |id: &str| LintRule::find(id).unwrap();
    assert_eq!(ids(&lint_text(TWO_FAULTS, &LintInput::default())), ["wrong-namespace", "untagged-image"]);
    let off = LintInput { disabled: [rule("wrong-namespace")].into(), ..LintInput::default() };
    assert_eq!(ids(&lint_text(TWO_FAULTS, &off)), ["untagged-image"]);
    let severities = [(rule("untagged-image"), Severity::Error)].into();
    let weighed = LintInput { severities, ..LintInput::default() };
    let found = lint_text(TWO_FAULTS, &weighed);
    assert_eq!(found.iter().map(|finding| finding.severity).collect::<Vec<_>>(), [Severity::Error; 2]);
}

#[test]
fn files_are_told_about_in_order_and_against_each_other() {
    let read = |text: &str| Resources::read(text.as_bytes(), &ReadLimits::default()).unwrap();
    let (one, other) = (read(TWO_FAULTS), read(&TWO_FAULTS.replace("r.io/p", "r.io/p:1")));
    let files = [("b.yaml", &one), ("a.yaml", &other)];
    let files = files.map(|(name, resources)| LintFile { name, resources }).to_vec();
    let told: Vec<String> = lint(&LintInput { files, ..LintInput::default() })
        .iter()
        .map(|finding| format!("{}:{} {}", finding.file, finding.place.line, finding.rule.id))
        .collect();
    assert_eq!(
        told,
        [
            "a.yaml:3 duplicate-name",
            "a.yaml:3 wrong-namespace",
            "b.yaml:3 wrong-namespace",
            "b.yaml:5 untagged-image",
        ]
    );
}

#[test]
fn a_file_cannot_speak_to_the_terminal() {
    let text = TWO_FAULTS.replace("default}", "\"\\e[31mred\\r\\n::error::\"}");
    for finding in lint_text(&text, &LintInput::default()) {
        assert!(!finding.message.contains(char::is_control), "{}", finding.message);
    }
}
