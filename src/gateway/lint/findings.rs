use std::collections::HashMap;

use super::{Finding, LintRule, Subject};

/// What the checks find: for each rule and resource as much as a person would read.
#[derive(Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
    /// How many of `found` are of resources that are done with.
    settled: usize,
    /// How often each rule has spoken of this resource.
    spoken: HashMap<&'static str, usize>,
}

impl Findings {
    /// Findings of one rule in one resource. A hostile file would have a million.
    const MOST: usize = 100;

    /// Keeps `finding`, unless its rule has said enough.
    pub(super) fn push(&mut self, finding: Finding) {
        self.push_with(finding.rule, || finding);
    }

    /// Keeps what `finding` gives, which nobody asks where `rule` has said enough.
    pub(super) fn push_with(&mut self, rule: &LintRule, finding: impl FnOnce() -> Finding) {
        let spoken = self.spoken.entry(rule.id).or_default();
        *spoken += 1;
        if *spoken <= Self::MOST {
            self.found.push(finding());
        }
    }

    /// Ends the findings of one resource: those that do not know their place yet look it up.
    pub(super) fn settle(&mut self, subject: &Subject<'_>) {
        let fresh = &mut self.found[self.settled..];
        for finding in fresh.iter_mut().filter(|finding| finding.place.line == 0) {
            finding.place = subject.resource.place_of(&finding.path);
        }
        for (id, spoken) in self.spoken.drain().filter(|(_, spoken)| *spoken > Self::MOST) {
            if let Some(last) = fresh.iter_mut().rfind(|finding| finding.rule.id == id) {
                last.message = format!("{}; and {} more like it", last.message, spoken - Self::MOST);
            }
        }
        self.settled = self.found.len();
    }

    /// All that was found.
    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.found
    }
}
