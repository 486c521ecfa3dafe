//! Rules that no request ever comes to.

use std::collections::{BTreeSet, HashMap};

use super::conditions::{Condition, WrittenRule};
use super::lint_rule::rules;
use super::{Findings, Subject};
use crate::gateway::MatchKey;

rules! {
    UNREACHABLE_RULE: "unreachable-rule" Warning {
        title: "A rule that earlier ones leave nothing to",
        why: "The SDKs walk the rules in the list's order and take the first one that matches; there is no most specific \
              rule. Higress's console sorts the rules it writes, nobody sorts those of a file.",
        fix: "Put narrow rules before wide ones.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let mut seen = Seen::default();
    for (number, rule) in subject.rules.iter().enumerate() {
        if let Some(before) = seen.covers(rule) {
            let before = &subject.rules[before].path;
            findings.push(subject.finding(&UNREACHABLE_RULE, rule.path.clone()).told(
                format!(
                    "every request that this rule is for meets `{before}` first, or another one before it"
                ),
                format!("move it before `{before}`, or remove it"),
            ));
        }
        seen.add(number, rule);
    }
}

/// What the rules so far are for, and which rule said so first. Rules with several conditions count for nothing here:
/// the SDKs do not agree on them.
#[derive(Default)]
struct Seen<'a> {
    everything: Option<usize>,
    exact: HashMap<(MatchKey, &'a str), usize>,
    /// What hosts begin with (`www.*`), and what route names do.
    beginnings: Affixes<'a>,
    /// What hosts end with (`*.example.com`).
    ends: Affixes<'a>,
}

/// Beginnings or ends, and the lengths that there are, as no others need to be tried.
#[derive(Default)]
struct Affixes<'a> {
    first: HashMap<(MatchKey, &'a str), usize>,
    lengths: BTreeSet<usize>,
}

impl<'a> Affixes<'a> {
    fn add(&mut self, key: MatchKey, text: &'a str, number: usize) {
        self.first.entry((key, text)).or_insert(number);
        self.lengths.insert(text.len());
    }

    /// The rule of one of the affixes that `cut` cuts out of a text of `length` bytes.
    fn find<'t>(
        &self,
        key: MatchKey,
        length: usize,
        cut: impl Fn(usize) -> Option<&'t str>,
    ) -> Option<usize> {
        let mut affixes = self.lengths.range(..=length).filter_map(|length| cut(*length));
        affixes.find_map(|affix| self.first.get(&(key, affix)).copied())
    }
}

/// What one text of a condition is for.
enum Meant<'a> {
    Exactly(&'a str),
    Beginning(&'a str),
    End(&'a str),
}

impl<'a> Meant<'a> {
    fn by(key: MatchKey, text: &'a str) -> Self {
        match key {
            MatchKey::RoutePrefix => Self::Beginning(text),
            MatchKey::Route | MatchKey::Service => Self::Exactly(text),
            MatchKey::Domain => match (text.strip_prefix('*'), text.strip_suffix('*')) {
                (Some(end), _) => Self::End(end),
                (None, Some(beginning)) => Self::Beginning(beginning),
                (None, None) => Self::Exactly(text),
            },
        }
    }
}

/// What is compared: a prefix of route names is about route names.
fn about(key: MatchKey) -> MatchKey {
    if key == MatchKey::RoutePrefix { MatchKey::Route } else { key }
}

impl<'a> Seen<'a> {
    fn add(&mut self, number: usize, rule: &WrittenRule<'a>) {
        let [condition] = rule.conditions.as_slice() else { return };
        let key = about(condition.key);
        for text in condition.texts() {
            match Meant::by(condition.key, text) {
                Meant::Exactly(text) => _ = self.exact.entry((key, text)).or_insert(number),
                Meant::Beginning("") if key == MatchKey::Route => {}
                Meant::End("") => _ = self.everything.get_or_insert(number),
                Meant::Beginning(text) => self.beginnings.add(key, text, number),
                Meant::End(text) => self.ends.add(key, text, number),
            }
        }
    }

    /// The first rule that stands before all that `rule` is for, if nothing is left to it.
    fn covers(&self, rule: &WrittenRule<'a>) -> Option<usize> {
        if self.everything.is_some() {
            return self.everything;
        }
        let [condition] = rule.conditions.as_slice() else { return None };
        let each = condition.texts().map(|text| self.covers_text(condition, text));
        each.collect::<Option<Vec<usize>>>()?.into_iter().min()
    }

    fn covers_text(&self, condition: &Condition<'_>, text: &str) -> Option<usize> {
        // No host is longer, and looking at each beginning of a longer text would take its length squared.
        const LONGEST: usize = 253;
        if text.len() > LONGEST {
            return None;
        }
        let key = about(condition.key);
        match Meant::by(condition.key, text) {
            Meant::Exactly(text) => self
                .exact
                .get(&(key, text))
                .copied()
                .or_else(|| self.covers_beginning(key, text))
                .or_else(|| if key == MatchKey::Domain { self.covers_end(text) } else { None })
                .or_else(|| if key == MatchKey::Service { self.covers_every_port(text) } else { None }),
            Meant::Beginning(text) => self.covers_beginning(key, text),
            Meant::End(text) => self.covers_end(text),
        }
    }

    fn covers_beginning(&self, key: MatchKey, text: &str) -> Option<usize> {
        self.beginnings.find(key, text.len(), |length| text.get(..length))
    }

    fn covers_end(&self, text: &str) -> Option<usize> {
        self.ends.find(MatchKey::Domain, text.len(), |length| text.get(text.len() - length..))
    }

    /// A service without a port is that service on every port.
    fn covers_every_port(&self, service: &str) -> Option<usize> {
        let (name, _) = service.rsplit_once(':')?;
        self.exact.get(&(MatchKey::Service, name)).copied()
    }
}
