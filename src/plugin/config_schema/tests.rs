use std::borrow::Borrow;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ConfigSchema, ConfigSchemaError};
use crate::plugin::Config;

fn schema(schema: impl Borrow<Value>) -> ConfigSchema {
    ConfigSchema::compile(schema.borrow()).unwrap()
}

fn config(value: Value) -> Config {
    serde_json::from_value(value).unwrap()
}

/// Each violation as people read it.
fn violations(schema: &ConfigSchema, value: Value) -> Vec<String> {
    schema.check(&config(value)).iter().map(ToString::to_string).collect()
}

/// What a schema of one property `a` says to a value of it.
fn says(property: &Value, value: &Value) -> Vec<String> {
    violations(&schema(json!({"type": "object", "properties": {"a": property}})), json!({"a": value}))
}

#[test]
fn a_configuration_that_does_not_fit_is_told_with_its_places() {
    let schema = schema(json!({
        "type": "object",
        "properties": {
            "global_auth": {"type": "boolean", "x-scope": "GLOBAL", "example": "not looked at"},
            "consumers": {
                "type": "array",
                "x-title-i18n": {"en-US": "Consumers"},
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "credential": {"type": "string"}},
                    "required": ["name", "credential"],
                },
            },
        },
        "required": ["consumers"],
    }));
    let good = json!({"global_auth": true, "consumers": [{"name": "a", "credential": "b"}], "unknown": 1});
    assert_eq!(violations(&schema, good), [""; 0]);
    assert_eq!(violations(&schema, json!({})), [r#""consumers" is a required property"#]);
    let bad = json!({"global_auth": "yes", "consumers": [{"name": "a", "credential": "b"}, {"name": 5}]});
    assert_eq!(
        violations(&schema, bad),
        [
            r#"`consumers[1]`: "credential" is a required property"#,
            r#"`consumers[1].name`: 5 is not of type "string""#,
            r#"`global_auth`: "yes" is not of type "boolean""#,
        ]
    );
}

#[test]
fn kubernetes_own_keywords_are_understood() {
    let allowed = [
        (json!({"type": "string", "nullable": true}), json!(null)),
        (json!({"type": "string", "nullable": true, "enum": ["x"]}), json!(null)),
        (json!({"enum": ["x"], "nullable": true}), json!("x")),
        (json!({"x-kubernetes-int-or-string": true}), json!("80%")),
        (json!({"x-kubernetes-int-or-string": true, "type": "string"}), json!(80)),
        (json!({"x-kubernetes-int-or-string": true, "nullable": true}), json!(null)),
        (
            json!({"type": "object", "additionalProperties": false, "x-kubernetes-preserve-unknown-fields": true}),
            json!({"x": 1}),
        ),
        (json!({"type": "object", "required": []}), json!({})),
        (json!({"type": "string", "pattern": "^[\\p{L}0-9]{1,20}$"}), json!("消费者1")),
        (json!({"type": "number", "minimum": 1, "exclusiveMinimum": false}), json!(1)),
        (json!({"type": "integer"}), json!(9_223_372_036_854_775_807_i64)),
        (json!({"properties": {"$ref": {"type": "string"}}}), json!({"$ref": "a member, no reference"})),
    ];
    for (property, value) in allowed {
        assert_eq!(says(&property, &value), [""; 0], "{property} {value}");
    }
    let refused = [
        (json!({"type": "string"}), json!(null)),
        (json!({"type": "string", "nullable": false}), json!(null)),
        (json!({"x-kubernetes-int-or-string": true}), json!(1.5)),
        (json!({"type": "object", "additionalProperties": false}), json!({"x": 1})),
        (json!({"type": "number", "minimum": 1, "exclusiveMinimum": true}), json!(1)),
        (json!({"type": "string", "pattern": "^[0-9]+(ms|s)$"}), json!("5 minutes")),
        (json!({"type": "object", "patternProperties": {"^x-": {"type": "string"}}}), json!({"x-a": 1})),
        (json!({"anyOf": [{"type": "integer"}, {"nullable": true, "type": "string"}]}), json!([])),
        (json!({"type": "array", "items": {"type": "string", "nullable": true}}), json!([null, 1])),
    ];
    for (property, value) in refused {
        let said = says(&property, &value);
        assert!(said.len() == 1 && said[0].starts_with("`a"), "{property} {value}: {said:?}");
    }
}

#[test]
fn defaults_are_filled_in_where_something_is() {
    for (schema_text, expected) in [
        (json!({"type": "object"}), json!({})),
        (json!({"properties": {"a": {"default": 1}, "b": {"type": "string"}}}), json!({"a": 1})),
        (
            json!({"default": {"a": 2}, "properties": {"a": {"default": 1}, "b": {"default": []}}}),
            json!({"a": 2, "b": []}),
        ),
        (json!({"properties": {"o": {"properties": {"a": {"default": 1}}}}}), json!({})),
        (
            json!({"required": ["o"], "properties": {"o": {"properties": {"a": {"default": 1}}}}}),
            json!({"o": {"a": 1}}),
        ),
        (json!({"required": ["o"], "properties": {"o": {"properties": {"a": {}}}}}), json!({})),
        (
            json!({"properties": {"o": {"default": {}, "properties": {"a": {"default": 1}}}}}),
            json!({"o": {"a": 1}}),
        ),
        (json!({"default": "no object", "properties": []}), json!(null)),
    ] {
        match ConfigSchema::compile(&schema_text) {
            Ok(schema) => assert_eq!(schema.defaults(), &config(expected), "{schema_text}"),
            Err(error) => assert!(expected.is_null(), "{schema_text}: {error}"),
        }
    }
}

#[test]
fn the_example_is_that_of_the_whole_configuration() {
    let whole = schema(json!({"example": {"allow": ["a"]}, "properties": {"allow": {"example": "b"}}}));
    assert_eq!(whole.example(), Some(&config(json!({"allow": ["a"]}))));
    assert_eq!(schema(json!({"example": "text"})).example(), None);
}

#[test]
fn what_is_global_is_not_for_rules() {
    let whole = json!({
        "required": ["consumers", "allow"],
        "properties": {
            "consumers": {"x-scope": "GLOBAL", "type": "array"},
            "global_auth": {"scope": "GLOBAL", "default": false},
            "allow": {"x-scope": "INSTANCE", "type": "array"},
            "realm": {"default": "gateway"},
        },
        "example": {"consumers": [1], "allow": ["a"]},
    });
    let rules = ConfigSchema::compile_for_rules(&whole).unwrap();
    assert_eq!(violations(&rules, json!({})), [r#""allow" is a required property"#]);
    assert_eq!(rules.defaults(), &config(json!({"realm": "gateway"})));
    assert_eq!(rules.example(), Some(&config(json!({"allow": ["a"]}))));
    for odd in [json!([]), json!({"properties": [], "required": {}, "example": 1}), json!({"required": [1]})]
    {
        assert!(ConfigSchema::compile_for_rules(&odd).is_err(), "{odd}");
    }
}

/// Anything that a schema could hold, keywords among it.
fn any_schema() -> impl Strategy<Value = Value> {
    let keyword = prop::sample::select(vec![
        "type",
        "properties",
        "patternProperties",
        "items",
        "additionalProperties",
        "required",
        "enum",
        "default",
        "example",
        "pattern",
        "format",
        "anyOf",
        "allOf",
        "oneOf",
        "not",
        "nullable",
        "minimum",
        "maxLength",
        "multipleOf",
        "uniqueItems",
        "exclusiveMinimum",
        "x-kubernetes-int-or-string",
        "x-scope",
        "a",
        "id",
        "$schema",
    ]);
    let word = prop::sample::select(vec![
        "string",
        "object",
        "array",
        "integer",
        "GLOBAL",
        "a",
        "^a+$",
        "(",
        "date-time",
    ]);
    let leaf = prop_oneof![
        word.prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        (-2..5).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            3 => prop::collection::btree_map(keyword.clone().prop_map(str::to_owned), inner.clone(), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::from),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_schema_and_no_configuration_brings_it_down(
        properties in prop::collection::btree_map("[ab]", any_schema(), 0..3),
        values in prop::collection::btree_map("[ab]", any_schema(), 0..3),
    ) {
        let config: Config = values.into_iter().collect();
        let schema = json!({"type": "object", "properties": properties});
        let compiled = [ConfigSchema::compile(&schema), ConfigSchema::compile_for_rules(&schema)];
        for schema in compiled.into_iter().flatten() {
            prop_assert!(schema.check(&config).len() <= ConfigSchema::MAX_VIOLATIONS);
        }
    }
}

/// A schema of `depth` objects within each other.
fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({"type": "string"}), |inner, _| json!({"not": inner}))
}

#[test]
fn a_hostile_schema_is_refused_at_its_limit() {
    use ConfigSchemaError as E;
    let many = |count: usize| Value::Object((0..count).map(|n| (format!("p{n}"), json!({}))).collect());
    let patterns = |count| vec![json!({"pattern": "a"}); count];
    let cases = [
        (json!([]), E::NotAnObject),
        (json!({"properties": many(ConfigSchema::MAX_VALUES)}), E::TooManyValues),
        (json!({"description": "x".repeat(ConfigSchema::MAX_TEXT_BYTES)}), E::TooMuchText),
        (nested(ConfigSchema::MAX_DEPTH), E::TooDeep),
        (json!({"allOf": patterns(ConfigSchema::MAX_PATTERNS + 1)}), E::TooManyPatterns),
        (json!({"patternProperties": many(ConfigSchema::MAX_PATTERNS + 1)}), E::TooManyPatterns),
        (json!({"$ref": "http://127.0.0.1:1/x"}), E::Reference("http://127.0.0.1:1/x".to_owned())),
        (json!({"items": {"$ref": "#"}}), E::Reference("#".to_owned())),
        (
            json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}}),
            E::Reference("file:///etc/passwd".to_owned()),
        ),
    ];
    for (schema, expected) in cases {
        let shown = schema.to_string();
        assert_eq!(
            ConfigSchema::compile(&schema).unwrap_err(),
            expected,
            "{}",
            &shown[..shown.len().min(100)]
        );
    }
    assert!(
        ConfigSchema::compile(&nested(ConfigSchema::MAX_DEPTH - 1)).is_ok(),
        "the limit itself is allowed"
    );
}

#[test]
fn what_is_no_schema_is_said_with_its_place() {
    for (schema, at) in [
        (json!({"type": "int"}), "/type"),
        (json!({"properties": {"a": {"type": "strin"}}}), "/properties/a/type"),
        (json!({"properties": {"a": {"required": true}}}), "/properties/a/required"),
        (json!({"properties": {"a": 3}}), "/properties/a"),
        (json!({"properties": {"a": {"pattern": "("}}}), "/properties/a/pattern"),
        (json!({"properties": {"a": {"pattern": "(a+)\\1"}}}), "/properties/a/pattern"),
        (json!({"properties": {"a": {"pattern": "((a{1000}){1000}){1000}"}}}), "/properties/a/pattern"),
    ] {
        match ConfigSchema::compile(&schema) {
            Err(ConfigSchemaError::Invalid { at: found, reason }) => {
                assert_eq!(found, at, "{schema}: {reason}");
            }
            other => panic!("{schema}: {other:?}"),
        }
    }
}

#[test]
fn a_hostile_schema_takes_no_time() {
    let started = std::time::Instant::now();
    // Each level is tried in two ways, and the innermost fits none.
    let doubling =
        (0..20).fold(json!({"type": "string"}), |inner, _| json!({"oneOf": [inner, {"type": "boolean"}]}));
    let slow_pattern = schema(json!({"properties": {
        "a": {"type": "string", "pattern": "^(a|a|aa)+$"},
        "b": doubling,
    }}));
    let said = violations(&slow_pattern, json!({"a": format!("{}!", "a".repeat(100_000)), "b": 1}));
    assert_eq!(said.len(), 2);
    assert!(said.iter().all(|violation| violation.len() < 2_000), "values are quoted in part only");
    let items = schema(json!({"properties": {"a": {"items": {"type": "string"}}}}));
    let said = violations(&items, json!({"a": vec![1; 100_000]}));
    assert_eq!(said.len(), ConfigSchema::MAX_VIOLATIONS);
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}
