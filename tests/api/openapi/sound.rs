//! The document by itself, and its words beside the code's.

use std::collections::BTreeSet;

use hwasm_registry::fleet::{ClientKind, Confidence, Convergence, Effect, Mover, PluginSource, PolicySource};
use hwasm_registry::gateway::{Flavour, Line, Severity};
use hwasm_registry::plugin::EffectivePolicy;
use hwasm_registry::registry::EventKind;
use serde::Serialize;
use serde_json::{Value, json};

use super::document::Document;
use crate::harness::Server;

#[test]
fn enumerations_are_those_of_the_code() {
    use EffectivePolicy::{Always, IfNotPresent, Local, Pinned};

    fn written(values: impl IntoIterator<Item = impl Serialize>) -> Vec<String> {
        let word = |value| serde_json::to_value(value).expect("a word").as_str().map(str::to_owned);
        values.into_iter().filter_map(|value| word(json!(value))).collect()
    }
    let document = Document::read();
    let effects = [Effect::Moves, Effect::Waits, Effect::Stays, Effect::Unknown, Effect::Unaffected];
    let movers = [Mover::AtOnce, Mover::NewVersion, Mover::Restart, Mover::Idle, Mover::NewReference];
    let sources = [PolicySource::Reported, PolicySource::Declared, PolicySource::Inferred];
    let confidences = [Confidence::None, Confidence::Low, Confidence::Medium, Confidence::High];
    for (schema, words) in [
        ("Convergence", written(Convergence::ALL)),
        ("EffectivePolicy", written([IfNotPresent, Always, Pinned, Local])),
        ("PolicySource", written(sources)),
        ("Confidence", written(confidences)),
        ("Mover", written(movers)),
        ("Effect", written(effects)),
        ("PluginSource", written([PluginSource::Api, PluginSource::Directory].map(PluginSource::name))),
        ("EventType", written(EventKind::ALL.map(EventKind::name))),
        ("Flavour", written(Flavour::ALL)),
        ("Line", written(Line::ALL)),
        ("Severity", written(Severity::ALL)),
    ] {
        let words: BTreeSet<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(document.words(schema), words, "{schema}");
    }
    for kind in document.words("ClientKind") {
        assert_eq!(ClientKind::named(kind).name(), kind);
    }
}

#[tokio::test]
async fn the_document_is_served_as_it_is_written() {
    let (document, server) = (Document::read(), Server::start().await);
    assert_eq!(&server.json("/api/v1/openapi.json").await, document.value());
    let version = document.value()["openapi"].as_str().expect("a version");
    assert!(version.starts_with("3.1."), "{version}");
    assert_eq!(document.value()["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_operation_is_named_summed_up_and_can_fail() {
    let document = Document::read();
    let operations = document.operations();
    let ids: BTreeSet<&str> = operations.iter().map(|operation| operation.id()).collect();
    assert_eq!(ids.len(), operations.len(), "{ids:?}");
    for operation in operations {
        let id = operation.id();
        assert!(
            !id.is_empty() && operation.value["summary"].as_str().is_some_and(|text| text.ends_with('.')),
            "{id}"
        );
        assert!(operation.successes().iter().any(|(status, _)| *status < 300), "{id} never succeeds");
        let mut statuses = Vec::new();
        for (status, response) in operation.responses() {
            assert!(response["headers"].get("X-Request-Id").is_some(), "{id} {status}");
            let content = &response["content"]["application/json"]["schema"];
            if content["$ref"] == "#/components/schemas/Error" {
                statuses.push(status);
            }
        }
        assert!(statuses.contains(&"500"), "{id} never fails");
        let variables =
            operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters = operation.parameters("path").into_iter().map(|(name, _)| name);
        assert_eq!(variables.collect::<BTreeSet<_>>(), parameters.collect(), "{id}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = Document::read();
    let mut references = BTreeSet::new();
    collect_references(document.value(), &mut references);
    for reference in &references {
        document.resolve(&json!({ "$ref": reference }));
    }
    for (group, members) in document.value()["components"].as_object().expect("components") {
        for name in members.as_object().expect("a group").keys() {
            assert!(
                references.contains(&*format!("#/components/{group}/{name}")),
                "{group}/{name} is not used"
            );
        }
    }
    for schema in document.value()["components"]["schemas"].as_object().expect("schemas").values() {
        document.validator(schema);
    }
}

fn collect_references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        _ => {}
    }
}
