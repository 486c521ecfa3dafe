use std::time::Duration;

use serde::Serialize;

use crate::oci::Reference;
use crate::plugin::EffectivePolicy;
use crate::storage::{PullRow, Timestamp};

use super::ClientKind;

/// The pull policy that an agent's requests look like. It is never certain: a registry sees requests, not resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InferredPolicy {
    /// The policy; none where the requests fit several.
    pub policy: Option<EffectivePolicy>,
    /// How much speaks for it.
    pub confidence: Confidence,
    /// What does.
    pub evidence: String,
}

/// How much speaks for a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Nothing yet.
    None,
    /// A single observation.
    Low,
    /// Several.
    Medium,
    /// There is no other explanation in the agents' rules.
    High,
}

/// What a guess is made from.
#[derive(Clone, Copy, Debug)]
pub struct PolicyGuess<'a>(pub &'a PullRow);

impl PolicyGuess<'_> {
    /// Re-resolves that were repeated so often are no coincidence.
    const MANY: u64 = 3;

    /// How long an agent has to be silent after a move, before that says anything: an agent under `Always` may be, too,
    /// until its `WasmPlugin` changes.
    const SILENCE: Duration = Duration::from_hours(1);

    /// The policy that fits, as far as is known at `now`.
    pub fn infer(self, now: Timestamp) -> InferredPolicy {
        let row = self.0;
        let again = row.resolves.saturating_sub(row.fetches);
        if matches!(row.reference, Reference::Digest(_)) {
            let evidence = "it asks by digest".to_owned();
            return InferredPolicy {
                policy: Some(EffectivePolicy::Pinned),
                confidence: Confidence::High,
                evidence,
            };
        }
        if row.fetches > 0 && again > 0 {
            let confidence = if again >= Self::MANY { Confidence::High } else { Confidence::Medium };
            let times = if again == 1 { "once".to_owned() } else { format!("{again} times") };
            let evidence = format!("it asked {times} what the tag names without fetching it again");
            return InferredPolicy { policy: Some(EffectivePolicy::Always), confidence, evidence };
        }
        if row.fetches > 1 && ClientKind::named(&row.kind) == ClientKind::PluginFile {
            // Of a file there is nothing to resolve: `Always` reads it again for each version of the resource.
            let evidence = format!("it fetched the file {} times", row.fetches);
            let policy = Some(EffectivePolicy::Always);
            return InferredPolicy { policy, confidence: Confidence::Low, evidence };
        }
        if row.fetches > 1 {
            let evidence = format!(
                "it fetched {} times under the same tag: `Always`, or an agent that began anew",
                row.fetches
            );
            return InferredPolicy { policy: None, confidence: Confidence::None, evidence };
        }
        self.of_silence(now)
    }

    /// One that fetched once: since the tag moved it has either been away, or had no reason to ask.
    fn of_silence(self, now: Timestamp) -> InferredPolicy {
        let row = self.0;
        let has_moved = row.moved.is_some_and(|moved| moved > row.last);
        let is_long = row.moved.is_some_and(|moved| moved.after(Self::SILENCE) <= now);
        let was_here = row.moved.is_some_and(|moved| row.agent_last > moved);
        if row.fetches == 1 && has_moved && was_here {
            let evidence =
                "it fetched once, and did not ask since the tag moved, though it asked for other things";
            let (policy, confidence) = (Some(EffectivePolicy::IfNotPresent), Confidence::Medium);
            return InferredPolicy { policy, confidence, evidence: evidence.to_owned() };
        }
        if row.fetches == 1 && has_moved && is_long {
            let evidence = "it fetched once, and did not ask since the tag moved";
            let (policy, confidence) = (Some(EffectivePolicy::IfNotPresent), Confidence::Low);
            return InferredPolicy { policy, confidence, evidence: evidence.to_owned() };
        }
        let evidence = if row.fetches == 0 {
            "it fetched nothing"
        } else if has_moved {
            "it fetched once, and the tag has moved only just now"
        } else {
            "it fetched once, and the tag has not moved since"
        };
        InferredPolicy { policy: None, confidence: Confidence::None, evidence: evidence.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;
    use crate::storage::PullCursor;

    fn row(reference: &str, resolves: u64, fetches: u64) -> PullRow {
        let at = Timestamp::from_micros;
        PullRow {
            cursor: PullCursor {
                repository: String::new(),
                reference: String::new(),
                agent: 1,
                namespace: String::new(),
                name: String::new(),
            },
            agent: "gw".to_owned(),
            kind: "istio".to_owned(),
            agent_last: at(10),
            repository: "plugins/a".parse().unwrap(),
            reference: reference.parse().unwrap(),
            first: at(1),
            last: at(10),
            resolves,
            status: 200,
            digest: Some(Digest::sha256(b"1")),
            fetches,
            last_fetch: (fetches > 0).then(|| at(2)),
            fetched: None,
            bytes: 0,
            current: Some(Digest::sha256(b"1")),
            moved: Some(at(1)),
            report: None,
        }
    }

    fn guess(row: &PullRow) -> (Option<EffectivePolicy>, Confidence) {
        let day = Duration::from_hours(24);
        let guess = PolicyGuess(row).infer(Timestamp::from_micros(0).after(day));
        (guess.policy, guess.confidence)
    }

    #[test]
    fn requests_look_like_a_policy_or_do_not() {
        let digest = Digest::sha256(b"1").to_string();
        let (always, pinned) = (Some(EffectivePolicy::Always), Some(EffectivePolicy::Pinned));
        for (reference, resolves, fetches, expected) in [
            (digest.as_str(), 1, 1, (pinned, Confidence::High)),
            ("v1", 1, 1, (None, Confidence::None)),
            ("v1", 1, 0, (None, Confidence::None)),
            ("v1", 2, 1, (always, Confidence::Medium)),
            ("v1", 4, 1, (always, Confidence::High)),
            ("v1", 2, 2, (None, Confidence::None)),
        ] {
            assert_eq!(
                guess(&row(reference, resolves, fetches)),
                expected,
                "{reference} {resolves} {fetches}"
            );
        }
        let file = PullRow { kind: "plugin-file".to_owned(), ..row("v1", 2, 2) };
        assert_eq!(guess(&file), (always, Confidence::Low));
    }

    #[test]
    fn silence_after_a_move_speaks_for_if_not_present_more_so_of_an_agent_that_is_there() {
        let at = Timestamp::from_micros;
        let moved = PullRow { moved: Some(at(20)), ..row("v1", 1, 1) };
        let if_not_present = Some(EffectivePolicy::IfNotPresent);
        assert_eq!(guess(&moved), (if_not_present, Confidence::Low));
        let just_now = PolicyGuess(&moved).infer(Timestamp::from_micros(30));
        assert_eq!((just_now.policy, just_now.confidence), (None, Confidence::None));
        assert_eq!(guess(&PullRow { agent_last: at(30), ..moved }), (if_not_present, Confidence::Medium));
    }
}
