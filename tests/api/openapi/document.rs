use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use hwasm_registry::server::API_PATHS;
use jsonschema::{Draft, Validator};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

const TEXT: &str = include_str!("../../../src/server/openapi.json");
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// What HTTP itself brings along.
const PLAIN_HEADERS: [&str; 5] =
    ["content-type", "content-length", "date", "connection", "transfer-encoding"];

/// The document, as something to hold answers against.
pub(super) struct Document {
    json: Value,
    /// By schema: making one takes longer than using it.
    validators: RefCell<HashMap<String, Rc<Validator>>>,
}

/// One method of one path.
#[derive(Clone, Copy)]
pub(super) struct Operation<'a> {
    document: &'a Document,
    pub(super) path: &'a str,
    /// In lower case.
    pub(super) method: &'a str,
    pub(super) value: &'a Value,
}

/// What the server said.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Document {
    pub(super) fn read() -> Self {
        let json = serde_json::from_str(TEXT).expect("the document is JSON");
        Self { json, validators: RefCell::default() }
    }

    pub(super) fn value(&self) -> &Value {
        &self.json
    }

    pub(super) fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.json["paths"].as_object().expect("paths");
        let of_path = |(path, item): (_, _)| {
            let (path, item): (&String, &Value) = (path, item);
            let operations = METHODS.iter().filter_map(|method| Some((*method, item.get(method)?)));
            operations
                .map(|(method, value)| Operation { document: self, path: path.as_str(), method, value })
                .collect::<Vec<_>>()
        };
        paths.iter().flat_map(of_path).collect()
    }

    pub(super) fn operation(&self, id: &str) -> Operation<'_> {
        let found = self.operations().into_iter().find(|operation| operation.id() == id);
        found.unwrap_or_else(|| panic!("the document has no operation `{id}`"))
    }

    /// What a `$ref` stands for, or the value itself.
    pub(super) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else { return value };
        let found = reference.strip_prefix('#').and_then(|pointer| self.json.pointer(pointer));
        self.resolve(found.unwrap_or_else(|| panic!("`{reference}` leads nowhere")))
    }

    pub(super) fn validator(&self, schema: &Value) -> Rc<Validator> {
        let mut validators = self.validators.borrow_mut();
        let validator = validators.entry(schema.to_string()).or_insert_with(|| Rc::new(self.compile(schema)));
        Rc::clone(validator)
    }

    fn compile(&self, schema: &Value) -> Validator {
        let root = json!({ "allOf": [schema], "components": self.json["components"] });
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        options.offline().build(&root).unwrap_or_else(|error| panic!("{schema} is no schema: {error}"))
    }

    /// What is wrong with `instance` as one of `schema`.
    pub(super) fn faults(&self, schema: &Value, instance: &Value) -> Vec<String> {
        let validator = self.validator(schema);
        let errors = validator.iter_errors(instance);
        errors.map(|error| format!("{}: {error}", error.instance_path().as_str())).collect()
    }

    /// The words of an enumeration among the schemas.
    pub(super) fn words(&self, schema: &str) -> BTreeSet<&str> {
        let words = self.json["components"]["schemas"][schema]["enum"].as_array();
        let words = words.unwrap_or_else(|| panic!("`{schema}` is no enumeration"));
        words.iter().filter_map(Value::as_str).collect()
    }
}

impl<'a> Operation<'a> {
    pub(super) fn id(self) -> &'a str {
        self.value["operationId"].as_str().unwrap_or_default()
    }

    pub(super) fn responses(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let responses = self.value["responses"].as_object().expect("responses");
        responses.iter().map(move |(status, response)| (status.as_str(), self.document.resolve(response)))
    }

    /// The parameters, what they are called and where they are: `path`, `query` or `header`.
    pub(super) fn parameters(self, place: &str) -> Vec<(&'a str, &'a Value)> {
        let parameters = self.value["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let parameters = parameters.iter().map(|parameter| self.document.resolve(parameter));
        let here = parameters.filter(|parameter| parameter["in"] == place);
        here.map(|parameter| (parameter["name"].as_str().expect("a name"), parameter)).collect()
    }

    /// Every way in which it may succeed: the status, and the media type of the body, if there is one.
    pub(super) fn successes(self) -> BTreeSet<(u16, String)> {
        let mut successes = BTreeSet::new();
        for (status, response) in self.responses() {
            let status: u16 = status.parse().expect("a status");
            let content = response["content"].as_object();
            match content.filter(|_| status < 400) {
                Some(content) => successes.extend(content.keys().map(|kind| (status, kind.clone()))),
                None if status < 400 => _ = successes.insert((status, String::new())),
                None => {}
            }
        }
        successes
    }

    /// What of `answer` is not as the document says.
    pub(super) fn faults(self, answer: &Answer) -> Vec<String> {
        let status = answer.status.to_string();
        let Some((_, response)) = self.responses().find(|(listed, _)| *listed == status) else {
            return vec![format!("status {status} is not listed")];
        };
        let mut faults = self.faults_of_headers(&response["headers"], &answer.headers);
        faults.extend(self.faults_of_body(&response["content"], answer));
        faults
    }

    fn faults_of_headers(self, listed: &Value, headers: &HeaderMap) -> Vec<String> {
        let none = serde_json::Map::new();
        let listed = listed.as_object().unwrap_or(&none);
        let is_known = |name: &str| {
            PLAIN_HEADERS.contains(&name) || listed.keys().any(|listed| listed.eq_ignore_ascii_case(name))
        };
        let unlisted = headers.keys().filter(|name| !is_known(name.as_str()));
        let mut faults: Vec<String> = unlisted.map(|name| format!("header `{name}` is not listed")).collect();
        for (name, header) in listed {
            let header = self.document.resolve(header);
            if header["required"] == true && !headers.contains_key(name) {
                faults.push(format!("header `{name}` is missing"));
            }
            for value in headers.get_all(name) {
                let value = json!(value.to_str().expect("a printable header"));
                faults.extend(self.document.faults(&header["schema"], &value));
            }
        }
        faults
    }

    fn faults_of_body(self, content: &Value, answer: &Answer) -> Vec<String> {
        let kind = answer.media_type();
        match content.as_object() {
            None if answer.body.is_empty() => Vec::new(),
            None => vec!["there is a body".to_owned()],
            Some(content) => match content.get(kind) {
                None => vec![format!("content type `{kind}` is not listed")],
                Some(media) => self.document.faults(&media["schema"], &answer.value()),
            },
        }
    }
}

impl Answer {
    pub(super) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.expect("a whole body").to_vec() }
    }

    /// The content type without its parameters; empty where there is none.
    pub(super) fn media_type(&self) -> &str {
        let value = self.headers.get("content-type").map(|value| value.to_str().expect("a media type"));
        value.unwrap_or_default().split(';').next().unwrap_or_default()
    }

    /// The body as JSON, or as a text; bytes that are none count as empty.
    pub(super) fn value(&self) -> Value {
        if self.media_type() == "application/json" {
            serde_json::from_slice(&self.body).expect("JSON")
        } else {
            String::from_utf8(self.body.clone()).unwrap_or_default().into()
        }
    }
}

/// Whether `path` is one of those that `template` stands for. A repository's name takes several parts.
pub(super) fn fits(template: &[&str], path: &[&str]) -> bool {
    match (template, path) {
        ([], []) => true,
        ([part, template @ ..], [_, ..]) if is_variable(part) => {
            (1..=path.len()).any(|taken| fits(template, &path[taken..]))
        }
        ([part, template @ ..], [first, path @ ..]) => part == first && fits(template, path),
        _ => false,
    }
}

fn is_variable(part: &str) -> bool {
    part.starts_with(['{', '<'])
}

/// A path with `*` for what varies, however that is written.
pub(super) fn shape(path: &str) -> String {
    path.split('/').map(|part| if is_variable(part) { "*" } else { part }).collect::<Vec<_>>().join("/")
}

/// The shapes of what the server says it has under `/api/v1/`, each of `verbs` by its name.
pub(super) fn served_shapes(verbs: &[&str]) -> BTreeSet<String> {
    let named =
        |path: &str| verbs.iter().map(|verb| shape(&path.replace("<verb>", verb))).collect::<Vec<_>>();
    API_PATHS.iter().flat_map(|path| named(path)).collect()
}
