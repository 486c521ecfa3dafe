//! `/api/v1/openapi.json`: the document is sound, says of every answer what it is, and leaves out no endpoint.
//!
//! Who adds an endpoint adds it to the document, and a request to it to [`table`]; both are asked for.

mod document;
mod sound;
mod table;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::harness::{Refusal, Server, header_text};
use document::{Answer, Document, Operation, fits, served_shapes, shape};
use table::{Ask, is_shown, requests};
use world::World;

const VERBS: [&str; 5] = ["convert", "match", "chain", "lint", "new"];

#[tokio::test]
async fn every_answer_is_what_the_document_says() {
    let (document, world) = (Document::read(), World::start().await);
    let mut succeeded: BTreeMap<&str, BTreeSet<(u16, String)>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for ask in requests(&world) {
        let operation = document.operation(ask.operation);
        let answer = ask.answer(&world, operation).await;
        let faults = faults(&document, operation, &ask, &answer);
        if !faults.is_empty() {
            let text = String::from_utf8_lossy(&answer.body);
            wrong.push(format!("{} {}\n{}\n{text}", operation.method, ask.path, faults.join("\n")));
        }
        if answer.status < 400 {
            let success = (answer.status, answer.media_type().to_owned());
            succeeded.entry(operation.id()).or_default().insert(success);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    for operation in document.operations() {
        let seen = succeeded.remove(operation.id()).unwrap_or_default();
        assert_eq!(
            seen,
            operation.successes(),
            "`{}` succeeds in ways that no request shows",
            operation.id()
        );
    }
}

fn faults(document: &Document, operation: Operation<'_>, ask: &Ask, answer: &Answer) -> Vec<String> {
    let mut faults = operation.faults(answer);
    faults.extend(faults_of_request(document, operation, ask));
    if answer.status != ask.status {
        faults.push(format!("the status is {}, expected {}", answer.status, ask.status));
    }
    let missing = ask.header.filter(|name| !answer.headers.contains_key(*name));
    faults.extend(missing.map(|name| format!("there is no `{name}` header")));
    let value = answer.value();
    let missing = ask.shown.iter().filter(|place| !is_shown(&value, place));
    faults.extend(missing.map(|place| format!("nothing stands at `{place}`")));
    if answer.media_type() == "text/event-stream" {
        faults.extend(faults_of_stream(document, operation, &value));
    }
    faults
}

/// A request that is answered well is one that the document describes.
fn faults_of_request(document: &Document, operation: Operation<'_>, ask: &Ask) -> Vec<String> {
    let (path, query) = ask.path.split_once('?').unwrap_or((&ask.path, ""));
    let mut faults = Vec::new();
    if !fits(&operation.path.split('/').collect::<Vec<_>>(), &path.split('/').collect::<Vec<_>>()) {
        faults.push(format!("`{path}` is not the operation's"));
    }
    if ask.status >= 400 {
        return faults;
    }
    let parameters = operation.parameters("query");
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match parameters.iter().find(|(listed, _)| *listed == name) {
            Some((_, parameter)) => {
                faults.extend(faults_of_parameter(document, &parameter["schema"], &value));
            }
            None => faults.push(format!("parameter `{name}` is not listed")),
        }
    }
    let body = document.resolve(&operation.value["requestBody"]);
    if let (Some(media), Ok(value)) =
        (body["content"].get("application/json"), serde_json::from_str(&ask.body))
    {
        faults.extend(document.faults(&media["schema"], &value));
    }
    faults
}

/// A list is given item by item, and a number as its digits.
fn faults_of_parameter(document: &Document, schema: &Value, text: &str) -> Vec<String> {
    let schema = document.resolve(schema);
    let schema = if schema["type"] == "array" { &schema["items"] } else { schema };
    let value =
        if schema["type"] == "integer" { text.parse().map(|number: i64| json!(number)).ok() } else { None };
    document.faults(schema, &value.unwrap_or_else(|| json!(text)))
}

fn faults_of_stream(document: &Document, operation: Operation<'_>, text: &Value) -> Vec<String> {
    let schema = &operation.value["responses"]["200"]["content"]["text/event-stream"]["x-message"];
    let validator = document.validator(schema);
    let text = text.as_str().expect("text");
    let messages = text.split_terminator("\n\n").filter(|message| !message.starts_with(':')).map(message);
    let messages: Vec<Value> = messages.collect();
    assert!(messages.len() > 2, "{text}");
    let faulty = messages.iter().filter(|message| !validator.is_valid(message));
    faulty.map(|message| format!("{message} is no message")).collect()
}

fn message(text: &str) -> Value {
    let mut message = Map::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once(": ")) {
        let is_json = matches!(name, "data" | "retry");
        let value = if is_json { serde_json::from_str(value).expect("JSON") } else { json!(value) };
        assert_eq!(message.insert(name.to_owned(), value), None, "{text}");
    }
    message.into()
}

/// Proves that the test above can fail.
#[tokio::test]
async fn a_field_too_many_and_one_too_few_are_refused() {
    let (document, world) = (Document::read(), World::start().await);
    let mut refused = 0;
    for ask in requests(&world).iter().filter(|ask| ask.operation != "getOpenApi") {
        let operation = document.operation(ask.operation);
        let answer = ask.answer(&world, operation).await;
        if answer.media_type() != "application/json" {
            continue;
        }
        for changed in spoilt(&answer.value()) {
            let answer = Answer { body: changed.to_string().into_bytes(), ..answer.clone() };
            assert_ne!(operation.faults(&answer), Vec::<String>::new(), "{}: {changed}", ask.path);
            refused += 1;
        }
    }
    assert!(refused > 300, "only {refused} were tried");
}

/// The same with a field more, and with one less, at the top and in the first item of each list there.
fn spoilt(value: &Value) -> Vec<Value> {
    let mut places = vec![String::new()];
    match value {
        Value::Array(_) => places = vec!["/0".to_owned()],
        _ => places.extend(value.as_object().into_iter().flat_map(Map::keys).map(|key| format!("/{key}/0"))),
    }
    let mut spoilt = Vec::new();
    for place in places {
        let Some(Value::Object(members)) = value.pointer(&place) else { continue };
        let mut changed = |change: &dyn Fn(&mut Map<String, Value>)| {
            let mut value = value.clone();
            change(value.pointer_mut(&place).and_then(Value::as_object_mut).expect("it was found there"));
            spoilt.push(value);
        };
        changed(&|members| _ = members.insert("surprise".to_owned(), Value::Null));
        // What is in lists may have fields that are not always there.
        for key in members.keys().filter(|_| place.is_empty()) {
            changed(&|members| _ = members.remove(key));
        }
    }
    spoilt
}

#[tokio::test]
async fn another_status_header_or_content_type_is_refused() {
    let (document, server) = (Document::read(), Server::start().await);
    let operation = document.operation("listFleet");
    let answer = Answer::of(server.get("/api/v1/fleet").await).await;
    let faults = |change: &dyn Fn(&mut Answer)| {
        let mut answer = answer.clone();
        change(&mut answer);
        operation.faults(&answer).join("\n")
    };
    assert_eq!(faults(&|_| {}), "");
    let header = |value: &'static str| reqwest::header::HeaderValue::from_static(value);
    assert_eq!(faults(&|answer| answer.status = 418), "status 418 is not listed");
    let text = faults(&|answer| _ = answer.headers.insert("content-type", header("text/plain")));
    assert_eq!(text, "content type `text/plain` is not listed");
    let bare = faults(&|answer| _ = answer.headers.remove("x-request-id"));
    assert_eq!(bare, "header `X-Request-Id` is missing");
    let warned = faults(&|answer| _ = answer.headers.insert("warning", header("299 - \"x\"")));
    assert_eq!(warned, "header `warning` is not listed");
    assert_ne!(faults(&|answer| _ = answer.headers.insert("link", header("/next"))), "");
}

#[tokio::test]
async fn the_events_of_the_test_are_of_every_type() {
    let (document, world) = (Document::read(), World::start().await);
    let page = world.rich.json("/api/v1/events").await;
    let events = page["events"].as_array().expect("events");
    let types: BTreeSet<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(types, document.words("EventType"));
}

#[tokio::test]
async fn no_path_that_the_server_names_is_left_out() {
    let (document, server) = (Document::read(), Server::start().await);
    let refusal = Refusal::of(server.get("/api/v1/").await).await;
    for path in hwasm_registry::server::API_PATHS {
        assert!(refusal.message.contains(path), "{}", refusal.message);
    }
    let verbs = Refusal::of(server.get("/api/v1/wasmplugins/").await).await;
    verbs.says(404, "UNSUPPORTED", &format!("the verbs are {}", VERBS.join(", ")), "verbs");
    let documented = document.operations().into_iter().map(|operation| shape(operation.path));
    let documented: BTreeSet<String> = documented.filter(|path| path.starts_with("/api/")).collect();
    assert_eq!(documented, served_shapes(&VERBS));
}

/// A handler's doc opens with its contract, as in "PUT or DELETE `/api/v1/wasmplugins/<namespace>/<name>`".
#[test]
fn no_contract_of_a_handler_is_left_out() {
    let document = Document::read();
    let operations = document.operations();
    let mut contracts = 0;
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server")) {
        let source = fs::read_to_string(&file).expect("a source file is readable text");
        for line in source.lines().filter(|line| line.trim_start().starts_with("///")) {
            for (method, path) in contracts_of(line) {
                let parts: Vec<&str> = path.split('/').collect();
                let is_it = |operation: &&Operation<'_>| {
                    operation.method == method.to_lowercase()
                        && (fits(&parts, &operation.path.split('/').collect::<Vec<_>>())
                            || shape(path) == shape(operation.path))
                };
                let found = operations.iter().find(is_it);
                assert!(found.is_some(), "{}: the document has no {method} {path}", file.display());
                contracts += 1;
            }
        }
    }
    assert!(contracts >= 18, "only {contracts} contracts were found");
}

/// The methods that stand before each path of the API in a line, and the path.
fn contracts_of(line: &str) -> Vec<(&str, &str)> {
    let mut contracts = Vec::new();
    for (at, _) in line.match_indices("`/api/v1/") {
        let path = &line[at + 1..];
        let path = &path[..path.find(['`', '?']).unwrap_or(path.len())];
        let words = line[..at].rsplit(' ').skip_while(|word| word.is_empty());
        let words = words.take_while(|word| matches!(*word, "or" | "and") || word.parse::<Method>().is_ok());
        let methods = words.filter(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()));
        contracts.extend(methods.map(|method| (method, path)));
    }
    contracts
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the source");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let files = paths.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

#[tokio::test]
async fn every_path_has_the_methods_that_the_server_allows() {
    let (document, server) = (Document::read(), Server::start().await);
    let mut methods: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for operation in document.operations() {
        methods.entry(operation.path).or_default().insert(operation.method.to_uppercase());
    }
    for (path, documented) in methods {
        // `1` is a name as well as a number.
        let concrete: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
        let response = server.request(Method::PATCH, &concrete.join("/")).send().await.expect("an answer");
        let allowed: BTreeSet<String> =
            header_text(&response, "allow").split(", ").map(str::to_owned).collect();
        let is_read = allowed.contains("HEAD");
        let answer = Answer::of(response).await;
        assert_eq!(
            (
                answer.status,
                document.faults(&json!({ "$ref": "#/components/schemas/Error" }), &answer.value())
            ),
            (405, vec![]),
            "{path}"
        );
        let expected = documented.iter().cloned().chain(is_read.then(|| "HEAD".to_owned())).collect();
        assert_eq!(allowed, expected, "{path}");
        if is_read {
            let operations = document.operations();
            let read = operations.iter().find(|operation| operation.path == path).expect("it is one of them");
            let text = read.value["description"].as_str().unwrap_or_default();
            assert!(text.contains("HEAD is answered too."), "{path}");
        }
    }
}

#[tokio::test]
async fn the_verbs_have_the_parameters_that_the_server_knows() {
    let (document, server) = (Document::read(), Server::start().await);
    for verb in VERBS {
        let operations = document.operations();
        let path = format!("/api/v1/wasmplugins/{verb}");
        let operation =
            operations.iter().find(|operation| operation.path == path).expect("the verb's operation");
        let method = operation.method.to_uppercase().parse().expect("a method");
        let response = server.request(method, &format!("{path}?surprise")).send().await.expect("an answer");
        let refusal = Refusal::of(response).await;
        let (_, known) =
            refusal.message.split_once("expected one of `").expect("the parameters that it knows");
        let known: BTreeSet<&str> = known.trim_end_matches('`').split("`, `").collect();
        let documented = operation.parameters("query").into_iter().map(|(name, _)| name).collect();
        assert_eq!(known, documented, "{verb}");
    }
}
