use std::collections::BTreeMap;

use crate::storage::{PullRead, PullRecord};

/// How often what was pulled, by repository, kind of client and outcome.
#[derive(Clone, Debug, Default)]
pub struct PullFigures(BTreeMap<PullLabels, u64>);

/// What pulls are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PullLabels {
    /// The repository; `other` beyond the first [`PullFigures::MOST`] sets.
    pub repository: String,
    /// The kind of client.
    pub kind: String,
    /// `resolved`, `fetched` or `refused`.
    pub outcome: &'static str,
}

impl PullFigures {
    /// Most sets of labels that are counted one by one: clients may ask for any repository.
    pub const MOST: usize = 2000;

    /// Counts what a record stands for.
    pub(super) fn add(&mut self, record: &PullRecord) {
        let outcome = match &record.read {
            PullRead::Manifest { digest: None, .. } => "refused",
            PullRead::Manifest { .. } | PullRead::Module { bytes: 0, .. } => "resolved",
            PullRead::Layer { .. } | PullRead::Module { .. } => "fetched",
        };
        let mut labels =
            PullLabels { repository: record.repository.to_string(), kind: record.kind.clone(), outcome };
        if self.0.len() >= Self::MOST && !self.0.contains_key(&labels) {
            "other".clone_into(&mut labels.repository);
        }
        *self.0.entry(labels).or_default() += record.count;
    }

    /// Each set of labels, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (&PullLabels, u64)> {
        self.0.iter().map(|(labels, count)| (labels, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Timestamp;

    #[test]
    fn pulls_are_counted_by_labels_whose_number_is_bounded() {
        let at = Timestamp::from_micros(1);
        let mut figures = PullFigures::default();
        for number in 0..PullFigures::MOST + 5 {
            let read = PullRead::Manifest { reference: "v1".parse().unwrap(), digest: None, status: 404 };
            let repository = format!("plugins/a{number}").parse().unwrap();
            let (agent, kind) = ("gw".to_owned(), "istio".to_owned());
            figures.add(&PullRecord { agent, kind, repository, read, first: at, last: at, count: 2 });
        }
        assert_eq!(figures.iter().count(), PullFigures::MOST + 1);
        let (_, others) = figures.iter().find(|(labels, _)| labels.repository == "other").unwrap();
        assert_eq!(others, 10);
    }
}
