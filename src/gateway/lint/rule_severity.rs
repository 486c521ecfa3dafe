use std::str::FromStr;

use super::{LintRule, Severity, UnknownLintRule, UnknownSeverity};

/// Another severity for a rule: `rule=severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleSeverity {
    /// The rule.
    pub rule: &'static LintRule,
    /// What its findings are to be.
    pub severity: Severity,
}

/// Why a text gives no rule another severity.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleSeverityError {
    /// There is no `=` in it.
    #[error("`{0}` is not `rule=severity`")]
    Form(String),
    /// There is no such rule.
    #[error(transparent)]
    Rule(#[from] UnknownLintRule),
    /// There is no such severity.
    #[error(transparent)]
    Severity(#[from] UnknownSeverity),
}

impl FromStr for RuleSeverity {
    type Err = RuleSeverityError;

    fn from_str(text: &str) -> Result<Self, RuleSeverityError> {
        let (rule, severity) =
            text.split_once('=').ok_or_else(|| RuleSeverityError::Form(text.to_owned()))?;
        Ok(Self { rule: rule.parse()?, severity: severity.parse()? })
    }
}
