use crate::artifact::{Outcome, Verdict};

use super::output::Paint;

/// The verdicts under their title, which says so where agents load a module that Envoy then does not run.
pub(super) fn verdict_section(paint: Paint, verdicts: &[Verdict], problems: &[String]) -> String {
    let title = paint.strong("Agents");
    let loads = verdicts.iter().any(|verdict| verdict.agent.is_gateway() && verdict.loads());
    let but = if loads && !problems.is_empty() {
        ": they load the image, but no gateway would run the module"
    } else {
        ""
    };
    format!("{title}{but}\n{}", verdict_lines(paint, verdicts))
}

/// One line per agent: who, whether it loads the image, and why not.
fn verdict_lines(paint: Paint, verdicts: &[Verdict]) -> String {
    verdicts.iter().map(|verdict| line(paint, verdict)).collect::<Vec<_>>().join("\n")
}

fn line(paint: Paint, verdict: &Verdict) -> String {
    let (mark, reason) = match &verdict.outcome {
        Outcome::Loads => (paint.good("loads  "), None),
        // Only gateways run proxy-wasm plugins; elsewhere a refusal is no mistake.
        Outcome::Refuses { reason } if verdict.agent.is_gateway() => (paint.bad("refuses"), Some(reason)),
        Outcome::Refuses { reason } => ("refuses".to_owned(), Some(reason)),
    };
    let remarks: Vec<_> = reason.into_iter().chain(&verdict.note).map(String::as_str).collect();
    format!("  {:<22} {mark}  {}", verdict.agent, remarks.join("; ")).trim_end().to_owned()
}

/// Whether some gateway refuses the image.
pub(super) fn refused_by_a_gateway(verdicts: &[Verdict]) -> bool {
    verdicts.iter().any(|verdict| verdict.agent.is_gateway() && !verdict.loads())
}
