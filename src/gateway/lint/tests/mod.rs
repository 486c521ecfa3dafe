mod cases;
mod catalogue;
mod everyday;
mod given;
mod output;
mod properties;
mod tables;

use super::{Finding, LintFile, LintInput, lint};
use crate::plugin::{ReadLimits, Resources};

/// What the linter says of one file, called `plugin.yaml`.
fn lint_text(text: &str, input: &LintInput<'_>) -> Vec<Finding> {
    let resources = Resources::read(text.as_bytes(), &ReadLimits::default()).unwrap();
    let files = vec![LintFile { name: "plugin.yaml", resources: &resources }];
    lint(&LintInput {
        files,
        settings: input.settings.clone(),
        flavours: input.flavours.clone(),
        images: input.images.clone(),
        disabled: input.disabled.clone(),
        severities: input.severities.clone(),
    })
}

/// The rules that have something to say, in the order in which they say it.
fn ids(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.rule.id).collect()
}
