use serde::Serialize;

use crate::oci::Digest;
use crate::plugin::{EffectivePolicy, ModuleSource, ModuleUrl, PullPolicy};
use crate::policy::decision::{Flavour, Moment, PolicyReason, Pull, Reason};
use crate::policy::simulation::{Outcome, Running, Step};

use super::situation::Script;
use super::{Situation, Trap};

/// What somebody wants to know.
#[derive(Clone, Debug)]
pub struct Question {
    /// The agent.
    pub flavour: Flavour,
    /// The URL.
    pub url: ModuleUrl,
    /// The resource's `sha256`.
    pub sha256: Option<Digest>,
    /// The resource's `imagePullPolicy`.
    pub policy: PullPolicy,
}

/// What an agent does with a URL, situation by situation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The URL, as written.
    pub url: String,
    /// The digest that the resource asks for.
    pub sha256: Option<String>,
    /// The agent.
    pub agent: Flavour,
    /// The policy of the resource.
    pub policy: PullPolicy,
    /// The policy in effect.
    pub effective_policy: EffectivePolicy,
    /// Why it is.
    pub because: PolicyReason,
    /// What makes a new version of the resource.
    pub new_version: &'static str,
    /// What a pull that fails does.
    pub on_failure: String,
    /// The situations, each from an empty cache. None for a file, of which nothing is pulled.
    pub situations: Vec<Row>,
}

/// One situation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Which one.
    pub situation: Situation,
    /// What the registry or the web server sees: `P` the ping, `M` a manifest, `B` a layer, `G` a file. Empty
    /// for nothing.
    pub requests: String,
    /// Why.
    pub because: Reason,
    /// How the delivery ended.
    pub outcome: Outcome,
    /// What the gateway runs afterwards.
    pub runs: &'static str,
    /// What one might not expect.
    pub surprise: Option<Surprise>,
}

/// What one might not expect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Surprise {
    /// The trap.
    pub trap: Trap,
    /// One sentence on it.
    pub message: String,
}

impl Explanation {
    /// Answers the question.
    pub fn of(question: &Question) -> Self {
        let (effective_policy, because) = policy(question);
        Self {
            url: question.url.as_str().to_owned(),
            sha256: question.sha256.as_ref().map(|digest| digest.hex().to_owned()),
            agent: question.flavour,
            policy: question.policy,
            effective_policy,
            because,
            new_version: question.flavour.version_changes(),
            on_failure: question.flavour.failure().to_string(),
            situations: Situation::ALL.into_iter().filter_map(|situation| row(question, situation)).collect(),
        }
    }

    /// What stands in the table for each trap that shows, once, with the situation where it shows first.
    pub fn surprises(&self) -> Vec<(Situation, &Surprise)> {
        let mut surprises: Vec<(Situation, &Surprise)> = Vec::new();
        for row in &self.situations {
            if let Some(surprise) = &row.surprise
                && surprises.iter().all(|(_, told)| told.message != surprise.message)
            {
                surprises.push((row.situation, surprise));
            }
        }
        surprises
    }
}

fn policy(question: &Question) -> (EffectivePolicy, PolicyReason) {
    let Question { flavour, url, sha256, policy } = question.clone();
    Moment::policy(flavour, &Pull { url, sha256, policy, resource: String::new(), version: String::new() })
}

fn row(question: &Question, situation: Situation) -> Option<Row> {
    if matches!(question.url.source(), ModuleSource::File(_)) {
        return None;
    }
    let step = situation.play(question)?;
    let surprise =
        trap(question, situation, &step).map(|trap| Surprise { trap, message: message(question, trap) });
    Some(Row {
        situation,
        runs: runs(question, &step),
        requests: step.requests,
        because: step.reason,
        outcome: step.outcome,
        surprise,
    })
}

/// What runs, told apart by whether it was there before the move.
fn runs(question: &Question, step: &Step) -> &'static str {
    match &step.running {
        Running::Nothing => "nothing",
        Running::StandIn => "stand-in",
        Running::File => "file",
        Running::Module(_) if is_old(question, step) => "old",
        Running::Module(_) => "new",
    }
}

fn is_old(question: &Question, step: &Step) -> bool {
    let old = Script::new(question, false).map(|script| script.old.content);
    matches!(&step.running, Running::Module(content) if Some(content) == old.as_ref())
}

fn message(question: &Question, trap: Trap) -> String {
    match trap {
        Trap::FailedPull => format!("{trap}: {}", question.flavour.failure()),
        _ => trap.to_string(),
    }
}

/// What surprises in this situation, judged by what came of it.
fn trap(question: &Question, situation: Situation, step: &Step) -> Option<Trap> {
    let (policy, because) = policy(question);
    let always = policy == EffectivePolicy::Always;
    let stays = policy == EffectivePolicy::IfNotPresent;
    if step.outcome.is_failure() {
        return Some(of_failure(question, situation, step));
    }
    let old = is_old(question, step);
    match situation {
        Situation::NewVersion if always && step.requests.contains(['B', 'G']) => Some(Trap::DownloadedAgain),
        Situation::MovedSameVersion if always && old => Some(Trap::NotOnATimer),
        Situation::MovedNewVersion if stays && because == PolicyReason::UntaggedIsNotLatest => {
            Some(Trap::UntaggedIsNotLatest)
        }
        Situation::MovedNewVersion | Situation::OtherResource if stays && old => Some(Trap::MovedTag),
        Situation::OtherResourcePulled if !old => Some(Trap::SharedTag),
        Situation::Restart if stays && !old => Some(Trap::RestartForgets),
        Situation::Idle if stays && !old => Some(Trap::Expiry),
        Situation::RegistryIsBack if always && old => Some(Trap::ForgottenFailure),
        Situation::NoVersion if always && old => Some(Trap::EmptyVersion),
        _ => None,
    }
}

fn of_failure(question: &Question, situation: Situation, step: &Step) -> Trap {
    let in_url = question.url.digest();
    let differ = in_url.is_some() && question.sha256.is_some() && in_url != question.sha256.as_ref();
    match (&step.outcome, situation) {
        (Outcome::Mismatch { .. }, _) if differ => Trap::DigestsDiffer,
        (Outcome::Mismatch { .. }, Situation::IndexDigest) => Trap::IndexDigest,
        (Outcome::Mismatch { .. }, _) if question.sha256.is_some() => Trap::Sha256OfAMovedTag,
        (Outcome::Mismatch { .. } | Outcome::Refused, Situation::SharedDigest) => Trap::DanglingTag,
        _ => Trap::FailedPull,
    }
}
