//! From Kubernetes' dialect of `OpenAPI` 3.0 to JSON Schema Draft 4, within limits.

use serde_json::{Map, Value, json};

use super::{ConfigSchema, ConfigSchemaError, excerpt};

/// Keywords whose value is taken over as it is (apiextensions v1, `JSONSchemaProps`); their meaning is Draft 4's.
const PLAIN: [&str; 17] = [
    "type",
    "format",
    "required",
    "enum",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "nullable",
];

/// The same schema in Draft 4, without anything that says nothing about values.
pub(super) fn rewrite(schema: &Value) -> Result<Value, ConfigSchemaError> {
    Size::default().add(schema, 0)?;
    if !schema.is_object() {
        return Err(ConfigSchemaError::NotAnObject);
    }
    Rewrite::default().schema(schema)
}

/// What was met so far.
#[derive(Default)]
struct Size {
    values: usize,
    text_bytes: usize,
}

impl Size {
    fn add(&mut self, value: &Value, depth: usize) -> Result<(), ConfigSchemaError> {
        if depth > ConfigSchema::MAX_DEPTH {
            return Err(ConfigSchemaError::TooDeep);
        }
        self.values += 1;
        match value {
            Value::String(text) => self.text_bytes += text.len(),
            Value::Array(items) => items.iter().try_for_each(|item| self.add(item, depth + 1))?,
            Value::Object(members) => {
                for (key, member) in members {
                    self.text_bytes += key.len();
                    self.add(member, depth + 1)?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        if self.values > ConfigSchema::MAX_VALUES {
            return Err(ConfigSchemaError::TooManyValues);
        }
        if self.text_bytes > ConfigSchema::MAX_TEXT_BYTES {
            return Err(ConfigSchemaError::TooMuchText);
        }
        Ok(())
    }
}

type Rewritten = Result<Value, ConfigSchemaError>;

#[derive(Default)]
struct Rewrite {
    patterns: usize,
}

impl Rewrite {
    /// One schema. A value that is none stays, for the Draft 4 check to name.
    fn schema(&mut self, schema: &Value) -> Rewritten {
        let Value::Object(keywords) = schema else { return Ok(schema.clone()) };
        let mut draft4 = Map::new();
        for (keyword, value) in keywords {
            if let Some(value) = self.keyword(keyword, value)? {
                draft4.insert(keyword.clone(), value);
            }
        }
        allow_unknown_fields(keywords, &mut draft4);
        allow_int_or_string(keywords, &mut draft4);
        allow_null(&mut draft4);
        Ok(Value::Object(draft4))
    }

    fn keyword(&mut self, keyword: &str, value: &Value) -> Result<Option<Value>, ConfigSchemaError> {
        Ok(Some(match keyword {
            "$ref" => {
                let target = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                return Err(ConfigSchemaError::Reference(excerpt(&target)));
            }
            "properties" => self.by_name(value)?,
            "patternProperties" => {
                self.count_patterns(value.as_object().map_or(0, Map::len))?;
                self.by_name(value)?
            }
            "items" | "additionalProperties" | "not" if value.is_object() => self.schema(value)?,
            "items" | "allOf" | "anyOf" | "oneOf" => self.list(value)?,
            "additionalProperties" | "not" => value.clone(),
            "pattern" => {
                self.count_patterns(1)?;
                value.clone()
            }
            // Draft 4 wants at least one name; authors write none as an empty list.
            "required" if value.as_array().is_some_and(Vec::is_empty) => return Ok(None),
            _ if PLAIN.contains(&keyword) => value.clone(),
            _ => return Ok(None),
        }))
    }

    fn by_name(&mut self, schemas: &Value) -> Rewritten {
        let Value::Object(schemas) = schemas else { return Ok(schemas.clone()) };
        let rewritten = schemas.iter().map(|(name, schema)| Ok((name.clone(), self.schema(schema)?)));
        rewritten.collect::<Result<Map<_, _>, _>>().map(Value::Object)
    }

    fn list(&mut self, schemas: &Value) -> Rewritten {
        let Value::Array(schemas) = schemas else { return Ok(schemas.clone()) };
        schemas.iter().map(|schema| self.schema(schema)).collect::<Result<_, _>>().map(Value::Array)
    }

    fn count_patterns(&mut self, more: usize) -> Result<(), ConfigSchemaError> {
        self.patterns += more;
        if self.patterns > ConfigSchema::MAX_PATTERNS {
            Err(ConfigSchemaError::TooManyPatterns)
        } else {
            Ok(())
        }
    }
}

fn is_set(keywords: &Map<String, Value>, extension: &str) -> bool {
    keywords.get(extension) == Some(&Value::Bool(true))
}

/// `x-kubernetes-preserve-unknown-fields`: members that the schema does not name may be there, with any value.
fn allow_unknown_fields(keywords: &Map<String, Value>, draft4: &mut Map<String, Value>) {
    let closed = draft4.get("additionalProperties") == Some(&Value::Bool(false));
    if closed && is_set(keywords, "x-kubernetes-preserve-unknown-fields") {
        draft4.remove("additionalProperties");
    }
}

/// `x-kubernetes-int-or-string`: both types, whatever `type` says.
fn allow_int_or_string(keywords: &Map<String, Value>, draft4: &mut Map<String, Value>) {
    if is_set(keywords, "x-kubernetes-int-or-string") {
        draft4.insert("type".to_owned(), json!(["integer", "string"]));
    }
}

/// `nullable`: null besides the type, and besides the values of `enum`.
fn allow_null(draft4: &mut Map<String, Value>) {
    if draft4.remove("nullable") != Some(Value::Bool(true)) {
        return;
    }
    match draft4.get_mut("type") {
        Some(Value::Array(types)) => types.push("null".into()),
        Some(one) => *one = json!([one.take(), "null"]),
        None => {}
    }
    if let Some(Value::Array(values)) = draft4.get_mut("enum").filter(|values| !holds_null(values)) {
        values.push(Value::Null);
    }
}

fn holds_null(values: &Value) -> bool {
    values.as_array().is_some_and(|values| values.contains(&Value::Null))
}
