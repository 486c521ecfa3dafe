//! Each rule has a bad file and a good one, which `--explain` shows too.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::super::{Finding, LintInput, LintRule, Severity};
use super::given::given;
use super::lint_text;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/gateway/lint/cases"))
}

fn input_of(rule: &LintRule) -> LintInput<'static> {
    match fs::read_to_string(folder().join(rule.id).join("given.yaml")) {
        Ok(text) => given(&text),
        Err(_) => LintInput::default(),
    }
}

/// The lines of a bad file with a comment that names `id`.
fn marked(text: &str, id: &str) -> Vec<u64> {
    let is_marked = |line: &str| line.rsplit_once("# <- ").is_some_and(|(_, marked)| marked == id);
    (1..).zip(text.lines()).filter(|(_, line)| is_marked(line)).map(|(number, _)| number).collect()
}

#[test]
fn every_case_belongs_to_a_rule() {
    let cases: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let rules: BTreeSet<String> = LintRule::all().iter().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(cases, rules);
}

#[test]
fn every_bad_file_is_told_about_where_it_is_marked() {
    for rule in LintRule::all() {
        let found = lint_text(rule.bad, &input_of(rule));
        let lines: Vec<u64> =
            found.iter().filter(|finding| finding.rule == *rule).map(|finding| finding.place.line).collect();
        let expected = marked(rule.bad, rule.id);
        assert!(!expected.is_empty(), "{} has no marked line", rule.id);
        assert_eq!(lines, expected, "{}", rule.id);
        let others: Vec<&Finding> = found
            .iter()
            .filter(|finding| finding.rule != *rule && finding.severity == Severity::Error)
            .collect();
        assert_eq!(others, Vec::<&Finding>::new(), "{}", rule.id);
    }
}

#[test]
fn every_good_file_is_passed_over() {
    for rule in LintRule::all() {
        let found = lint_text(rule.good, &input_of(rule));
        let told: Vec<&Finding> = found
            .iter()
            .filter(|finding| finding.rule == *rule || finding.severity == Severity::Error)
            .collect();
        assert_eq!(told, Vec::<&Finding>::new(), "{}", rule.id);
    }
}

#[test]
fn every_message_reads_as_a_sentence() {
    let mut all = String::new();
    for rule in LintRule::all() {
        let found = lint_text(rule.bad, &input_of(rule));
        for finding in found.iter().filter(|finding| finding.rule == *rule) {
            for text in [&finding.message, &finding.fix] {
                assert!(!text.is_empty() && !text.ends_with('.') && !text.contains('\n'), "{text}");
                assert!(!text.contains("  "), "{text}");
            }
            writeln!(all, "{finding}").unwrap();
        }
    }
    insta::assert_snapshot!(all);
}
