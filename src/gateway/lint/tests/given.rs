//! What a case says of the world outside the file: `given.yaml` beside it.

use serde_json::Value;

use super::super::LintInput;
use crate::gateway::FlavourChoice;
use crate::plugin::{Declaration, Declared, ImageFacts, ImageKind, ReadLimits, Refusal, read};

/// The input that `given.yaml` describes, without files.
pub(super) fn given(text: &str) -> LintInput<'static> {
    let document = read(text.as_bytes(), &ReadLimits::default()).unwrap().remove(0).to_json();
    let images = document.get("images").and_then(Value::as_object).into_iter().flatten();
    let flavour =
        document.get("flavour").map(|flavour| flavour.as_str().unwrap().parse::<FlavourChoice>().unwrap());
    LintInput {
        flavours: flavour.into_iter().collect(),
        images: images.map(|(url, facts)| (url.clone(), image(facts))).collect(),
        ..LintInput::default()
    }
}

fn image(facts: &Value) -> ImageFacts {
    let text = |key: &str| facts.get(key).and_then(Value::as_str);
    let refused_by = facts.get("refusedBy").and_then(Value::as_array).into_iter().flatten();
    let refusal = |agent: &Value| Refusal {
        agent: agent.as_str().unwrap().to_owned(),
        reason: "the last layer is no gzip tar: pack it as one".to_owned(),
    };
    let declared = Declared {
        version: text("version"),
        phase: text("phase"),
        priority: facts.get("priority").and_then(Value::as_i64),
        config_schema: facts.get("configSchema"),
        ..Declared::default()
    };
    ImageFacts {
        digest: text("digest").unwrap().parse().unwrap(),
        kind: match text("child") {
            Some(child) => ImageKind::Index { child: Some(child.parse().unwrap()) },
            None => ImageKind::Image,
        },
        module_bytes: facts.get("moduleBytes").and_then(Value::as_u64),
        refused_by: refused_by.map(refusal).collect(),
        declaration: Some(Declaration::read(&declared)),
    }
}
