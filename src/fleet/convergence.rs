use serde::Serialize;

use crate::oci::Reference;
use crate::storage::{PullRow, RowReport};

/// Where an agent stands beside what a reference names now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convergence {
    /// It has what the tag names.
    Current,
    /// It was told what the tag names, but has not read it.
    Resolved,
    /// It has, or was told, what the tag named before.
    Stale,
    /// It asked by digest: nothing moves.
    Pinned,
    /// The tag is gone.
    Gone,
    /// It never got anything, or reports that it cannot run what it got.
    Refused,
    /// It named the reference in a report once, and never asked for it.
    Unknown,
}

impl Convergence {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Current, Self::Resolved, Self::Stale, Self::Pinned, Self::Gone, Self::Refused, Self::Unknown];

    /// Of one row of the ledger. What an agent reports goes before what its requests look like.
    pub fn of(row: &PullRow) -> Self {
        row.report
            .as_ref()
            .and_then(|report| Self::of_report(row, report))
            .unwrap_or_else(|| Self::of_requests(row))
    }

    fn of_report(row: &PullRow, report: &RowReport) -> Option<Self> {
        let is_refused = report.refused.is_some();
        if report.running.is_none() {
            return is_refused.then_some(Self::Refused);
        }
        Some(match (&row.reference, &row.current) {
            (Reference::Digest(_), _) if is_refused => Self::Refused,
            (Reference::Digest(_), _) => Self::Pinned,
            (Reference::Tag(_), None) => Self::Gone,
            (Reference::Tag(_), Some(_)) if !report.runs_current => Self::Stale,
            (Reference::Tag(_), Some(_)) if is_refused => Self::Refused,
            (Reference::Tag(_), Some(_)) => Self::Current,
        })
    }

    fn of_requests(row: &PullRow) -> Self {
        let Some(given) = &row.digest else {
            return if row.resolves == 0 { Self::Unknown } else { Self::Refused };
        };
        match (&row.reference, &row.current) {
            (Reference::Digest(_), _) => Self::Pinned,
            (Reference::Tag(_), None) => Self::Gone,
            (Reference::Tag(_), Some(current)) if given != current => Self::Stale,
            (Reference::Tag(_), Some(current)) if row.fetched.as_ref() == Some(current) => Self::Current,
            (Reference::Tag(_), Some(_)) => Self::Resolved,
        }
    }

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Resolved => "resolved",
            Self::Stale => "stale",
            Self::Pinned => "pinned",
            Self::Gone => "gone",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}
