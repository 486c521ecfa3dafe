//! The rules as a whole, and the manual's page about them.

use std::collections::BTreeSet;

use super::super::LintRule;

#[test]
fn ids_are_in_kebab_case_and_each_is_given_once() {
    let mut ids = BTreeSet::new();
    for rule in LintRule::all() {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        assert!(rule.id.split('-').all(is_word), "{}", rule.id);
        assert!(ids.insert(rule.id), "{}", rule.id);
        assert_eq!(LintRule::find(rule.id), Some(*rule));
        assert_eq!(rule.id.parse(), Ok(*rule));
    }
}

#[test]
fn texts_are_whole_sentences() {
    for rule in LintRule::all() {
        assert!(!rule.title.ends_with('.'), "{}", rule.title);
        let sentences = rule.why.matches(". ").count() + 1;
        assert!(rule.why.ends_with('.') && sentences <= 3, "{}: {} sentences", rule.id, sentences);
        assert!(rule.fix.ends_with('.') && !rule.fix.contains(". "), "{}: {}", rule.id, rule.fix);
    }
}

#[test]
fn a_misspelt_rule_is_refused_with_the_nearest() {
    let refusal = "unknwon-field".parse::<&LintRule>().unwrap_err().to_string();
    assert_eq!(refusal, "`unknwon-field` is no lint rule, did you mean `unknown-field`?");
    assert_eq!("xyz".parse::<&LintRule>().unwrap_err().to_string(), "`xyz` is no lint rule");
}

/// One line, whatever the page's line ends are.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_manual_has_a_section_for_every_rule() {
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/lint.md")).unwrap();
    let sections: Vec<(&str, &str)> = manual
        .split("\n### `")
        .skip(1)
        .map(|section| section.split_once("`\n").expect("a section's heading is a rule's id"))
        .collect();
    let ids: Vec<&str> = sections.iter().map(|(id, _)| *id).collect();
    let expected: Vec<&str> = LintRule::all().iter().map(|rule| rule.id).collect();
    assert_eq!(ids, expected);
    for ((_, section), rule) in sections.into_iter().zip(LintRule::all()) {
        let section = unwrapped(section);
        let said = format!("**{}**: {}. {} *Fix:* {}", rule.severity, rule.title, rule.why, rule.fix);
        assert!(section.starts_with(&unwrapped(&said)), "{}: expected\n{said}\nfound\n{section}", rule.id);
    }
}
