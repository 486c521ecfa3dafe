//! What is wrong with a `WasmPlugin` before anything is applied: each trap that is known of the API server, Higress's
//! controller, Istio's discovery, the agents that pull the module, and the SDKs in the module, as a rule with an id.
//!
//! [`lint`] holds files against every [`LintRule`]. The rules stand in one file for each thing they are about, their
//! texts beside the checks; `cases/<id>/` has a bad and a good file for each, which the tests read and
//! `--explain` shows.

mod conditions;
mod config;
mod delivery;
mod digest;
mod domains;
mod env;
mod fields;
mod finding;
mod findings;
mod identity;
mod image;
mod input;
mod lint_rule;
mod match_rules;
mod order;
mod policy;
mod pull_secret;
mod quoted;
mod reach;
mod report;
mod reserved;
mod routes;
mod rule_severity;
mod services;
mod severity;
mod subject;
mod suggestion;
mod template;
#[cfg(test)]
mod tests;
mod url;

pub use finding::Finding;
use findings::Findings;
pub use input::{LintFile, LintInput};
pub use lint_rule::{LintRule, UnknownLintRule};
pub use report::LintReport;
pub use rule_severity::{RuleSeverity, RuleSeverityError};
pub use severity::{Severity, UnknownSeverity};
use subject::Subject;

/// The rules of each group, in the order in which they are explained, and what they say about one resource.
const GROUPS: [(&[&LintRule], Check); 18] = [
    (fields::GROUP, fields::check),
    (identity::GROUP, identity::check),
    (url::GROUP, url::check),
    (pull_secret::GROUP, pull_secret::check),
    (digest::GROUP, digest::check),
    (policy::GROUP, policy::check),
    (match_rules::GROUP, match_rules::check),
    (routes::GROUP, routes::check),
    (domains::GROUP, domains::check),
    (services::GROUP, services::check),
    (reach::GROUP, reach::check),
    (reserved::GROUP, reserved::check),
    (order::GROUP, order::check),
    (config::GROUP, config::check),
    (template::GROUP, template::check),
    (delivery::GROUP, delivery::check),
    (image::GROUP, image::check),
    (env::GROUP, env::check),
];

type Check = fn(&Subject<'_>, &mut Findings);

/// What is there to say about resources beside each other.
const CHECKS_OF_ALL: [fn(&[Subject<'_>], &mut Findings); 4] =
    [identity::check_all, pull_secret::check_all, policy::check_all, order::check_all];

/// Everything that the rules have to say about the files of `input`, by file, place and rule.
pub fn lint(input: &LintInput<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    let subjects: Vec<Subject<'_>> = input.subjects().collect();
    for subject in &subjects {
        for (_, check) in GROUPS {
            check(subject, &mut findings);
        }
        findings.settle(subject);
    }
    for check in CHECKS_OF_ALL {
        check(&subjects, &mut findings);
    }
    let mut findings = findings.into_vec();
    findings.extend(fields::of_documents(input));
    findings.retain(|finding| !input.disabled.contains(finding.rule));
    for finding in &mut findings {
        finding.severity = input.severities.get(finding.rule).copied().unwrap_or(finding.severity);
    }
    findings.sort_by(Finding::in_reading_order);
    findings
}
