use serde_json::{Value, json};

use super::*;
use crate::oci::Digest;
use crate::plugin::{Declaration, Declared, ImageKind};

fn image(text: &str) -> ImageReference {
    text.parse().unwrap()
}

fn config(value: Value) -> Config {
    serde_json::from_value(value).unwrap()
}

fn facts(schema: Option<&Value>) -> ImageFacts {
    ImageFacts {
        digest: Digest::sha256(b"manifest"),
        kind: ImageKind::Image,
        module_bytes: Some(1000),
        refused_by: Vec::new(),
        declaration: Some(Declaration::read(&Declared {
            phase: Some("AUTHN"),
            priority: Some(310),
            config_schema: schema,
            ..Declared::default()
        })),
    }
}

/// A schema with a default, a member that has to be there, and an example.
fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["keys"],
        "properties": {
            "keys": {"type": "array", "items": {"type": "string"}},
            "realm": {"type": "string", "default": "gateway"},
        },
        "example": {"keys": ["x-api-key"]},
    })
}

/// The URL and pull policy written for `reference`.
fn url(new: &NewWasmPlugin, reference: &str, facts: &ImageFacts) -> (String, PullPolicy) {
    let spec = new.build(&image(reference), facts).unwrap().spec;
    (spec.url, spec.image_pull_policy)
}

#[test]
fn the_authors_word_counts_where_nobody_says_otherwise() {
    let image = image("r.io:5000/plugins/key_auth:1.0.0");
    let plugin = NewWasmPlugin::default().build(&image, &facts(None)).unwrap();
    assert_eq!(
        (plugin.metadata.name.as_str(), plugin.full_name().as_str()),
        ("key-auth", "higress-system/key-auth")
    );
    assert_eq!((plugin.spec.phase, plugin.spec.priority), (Phase::Authn, Some(310)));
    assert_eq!(plugin.spec.default_config, None);
    let own = NewWasmPlugin {
        name: Some("auth.internal".to_owned()),
        namespace: Some("gateway".to_owned()),
        phase: Some(Phase::Stats),
        priority: Some(-1),
        fail_strategy: FailStrategy::FailOpen,
        pull_secret: Some("registry".to_owned()),
        ..NewWasmPlugin::default()
    };
    let plugin = own.build(&image, &facts(None)).unwrap();
    assert_eq!(plugin.full_name(), "gateway/auth.internal");
    assert_eq!((plugin.spec.phase, plugin.spec.priority), (Phase::Stats, Some(-1)));
    assert_eq!(
        (plugin.spec.fail_strategy, plugin.spec.image_pull_secret.as_str()),
        (FailStrategy::FailOpen, "registry")
    );
}

#[test]
fn the_url_and_the_policy_say_what_agents_do() {
    let (open, always) = (NewWasmPlugin::default(), PullPolicy::Always);
    let pinned =
        NewWasmPlugin { naming: ImageNaming::Pinned, pull_policy: always, ..NewWasmPlugin::default() };
    let facts = facts(None);
    let digest = &facts.digest;
    for (new, reference, expected, policy) in [
        (&open, "r.io/a:1", "oci://r.io/a:1".to_owned(), PullPolicy::IfNotPresent),
        (&open, "r.io/a:latest", "oci://r.io/a:latest".to_owned(), always),
        (&open, "r.io/a", "oci://r.io/a:latest".to_owned(), always),
        (&open, &format!("r.io/a@{digest}"), format!("oci://r.io/a@{digest}"), PullPolicy::Unspecified),
        (&pinned, "r.io/a:1", format!("oci://r.io/a@{digest}"), PullPolicy::Unspecified),
    ] {
        assert_eq!(url(new, reference, &facts), (expected, policy), "{reference}");
    }
    let always = NewWasmPlugin { pull_policy: always, ..NewWasmPlugin::default() };
    assert_eq!(url(&always, "r.io/a:1", &facts).1, PullPolicy::Always);
}

#[test]
fn the_digest_of_an_index_is_never_written() {
    let child = Digest::sha256(b"child");
    let index = |child| ImageFacts { kind: ImageKind::Index { child }, ..facts(None) };
    let pinned = NewWasmPlugin { naming: ImageNaming::Pinned, ..NewWasmPlugin::default() };
    let by_digest = format!("r.io/a:1@{}", index(None).digest);
    for (new, reference) in [(&pinned, "r.io/a:1"), (&NewWasmPlugin::default(), &by_digest)] {
        let found = url(new, reference, &index(Some(child.clone()))).0;
        assert_eq!(found, format!("oci://r.io/a@{child}"), "{reference}");
        let error = new.build(&image(reference), &index(None)).unwrap_err();
        assert!(matches!(error, NewWasmPluginError::NothingToPin), "{error}");
    }
    assert_eq!(url(&NewWasmPlugin::default(), "r.io/a:1", &index(None)).0, "oci://r.io/a:1");
}

#[test]
fn the_configuration_fits_the_schema_or_is_refused() {
    let schema = schema();
    let facts = facts(Some(&schema));
    let build =
        |config| NewWasmPlugin { config, ..NewWasmPlugin::default() }.build(&image("r.io/a:1"), &facts);
    let given = |value| InitialConfig::Given(config(value));
    let good = build(given(json!({"keys": []}))).unwrap();
    assert_eq!(good.spec.default_config, Some(config(json!({"keys": []}))));
    let example = build(InitialConfig::Example).unwrap();
    assert_eq!(example.spec.default_config, Some(config(json!({"keys": ["x-api-key"]}))));
    assert_eq!(build(InitialConfig::Absent).unwrap().spec.default_config, None);
    let refused = |config, expected: &[&str]| {
        let error = build(config).unwrap_err().to_string();
        assert!(expected.iter().all(|expected| error.contains(expected)), "{error}");
    };
    refused(InitialConfig::Defaults, &[r#""keys" is a required"#]);
    refused(
        given(json!({"keys": [1], "realm": null})),
        &["\n  `keys[0]`: 1 is not", "\n  `realm`: null is not"],
    );
}

#[test]
fn without_a_schema_any_configuration_is_taken_and_no_example_is_there() {
    let build =
        |config| NewWasmPlugin { config, ..NewWasmPlugin::default() }.build(&image("r.io/a:1"), &facts(None));
    let plugin = build(InitialConfig::Given(Config::new())).unwrap();
    assert_eq!(plugin.spec.default_config, Some(Config::new()), "what was given is written, empty or not");
    assert!(matches!(build(InitialConfig::Example), Err(NewWasmPluginError::NoExample)));
}

#[test]
fn a_scope_makes_a_rule_and_nothing_else() {
    let names = || vec!["a".to_owned(), "b".to_owned()];
    let rule = |scope| {
        let schema = json!({"properties": {"realm": {"default": "gateway"}}});
        let new = NewWasmPlugin { scope, ..NewWasmPlugin::default() };
        let spec = new.build(&image("r.io/a:1"), &facts(Some(&schema))).unwrap().spec;
        assert!(spec.default_config_disable && spec.default_config.is_none());
        assert_eq!(spec.match_rules.len(), 1);
        spec.match_rules.into_iter().next().unwrap()
    };
    let (domains, ingresses) = (rule(PluginScope::Domains(names())), rule(PluginScope::Ingresses(names())));
    let services = rule(PluginScope::Services(names()));
    assert_eq!(domains.config, Some(config(json!({"realm": "gateway"}))));
    assert_eq!((domains.domain, domains.ingress.len() + domains.service.len()), (names(), 0));
    assert_eq!((ingresses.ingress, ingresses.domain.len() + ingresses.service.len()), (names(), 0));
    assert_eq!((services.service, services.domain.len() + services.ingress.len()), (names(), 0));
}

#[test]
fn names_are_those_that_kubernetes_takes() {
    let long = "a".repeat(254);
    for (name, namespace, good) in [
        ("key-auth", "gateway", true),
        ("key-auth.internal", "gw1", true),
        ("1.0", "2", true),
        ("Key", "gateway", false),
        ("key_auth", "gateway", false),
        ("-a", "gateway", false),
        ("a.", "gateway", false),
        ("a..b", "gateway", false),
        ("", "gateway", false),
        (&long, "gateway", false),
        ("a", "", false),
        ("a", "a.b", false),
        ("a", &long[..64], false),
        ("a\nspec: {}", "gateway", false),
    ] {
        let (name, namespace) = (Some(name.to_owned()), Some(namespace.to_owned()));
        let new =
            NewWasmPlugin { name: name.clone(), namespace: namespace.clone(), ..NewWasmPlugin::default() };
        let built = new.build(&image("r.io/a:1"), &facts(None));
        assert_eq!(built.is_ok(), good, "{name:?} {namespace:?}");
    }
}

#[test]
fn every_repository_name_gives_a_name() {
    let long = format!("{}_{}", "a".repeat(252), "b");
    for repository in ["a", "plugins/key_auth", "plugins/a__b", "plugins/x.y-z", "a/0", &long] {
        let image = image(&format!("r.io/{repository}:1"));
        assert!(NewWasmPlugin::default().build(&image, &facts(None)).is_ok(), "{repository}");
    }
}
