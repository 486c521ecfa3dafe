use serde::Serialize;

use crate::gateway::LintRule;

use super::super::output::{Paint, Report};
use super::super::table::table;

/// All there is to say about one rule.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct RulePage(pub(super) &'static LintRule);

/// Every rule in a line.
#[derive(Debug, Serialize)]
pub(super) struct RuleList {
    rules: &'static [&'static LintRule],
}

impl RuleList {
    /// Every rule.
    pub(super) fn all() -> Self {
        Self { rules: LintRule::all() }
    }
}

impl Report for RulePage {
    fn text(&self, paint: Paint) -> String {
        let LintRule { id, severity, title, why, fix, bad, good } = self.0;
        let heading = paint.strong(&format!("{id} ({severity}): {title}"));
        let indented = |text: &str| {
            let lines = text.trim_end().lines().map(|line| format!("  {line}").trim_end().to_owned());
            lines.collect::<Vec<_>>().join("\n")
        };
        let (bad_label, good_label) = (paint.bad("Found in:"), paint.good("Mended:"));
        format!(
            "{heading}\n\n{why}\n\nFix: {fix}\n\n{bad_label}\n\n{}\n\n{good_label}\n\n{}",
            indented(bad),
            indented(good)
        )
    }
}

impl Report for RuleList {
    fn text(&self, paint: Paint) -> String {
        let rows = self
            .rules
            .iter()
            .map(|rule| [rule.id.to_owned(), rule.severity.to_string(), rule.title.to_owned()]);
        table(paint, ["rule", "severity", "looks for"], rows)
    }
}
