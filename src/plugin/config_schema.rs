//! Whether a configuration fits the schema that a plugin's author wrote, and what the schema fills in by itself.

mod defaults;
mod draft4;
mod scope;

use std::fmt;

use jsonschema::paths::LocationSegment;
use jsonschema::{Draft, PatternOptions, Validator};
use serde::Serialize;
use serde_json::Value;

use super::{Config, FieldPath, Step};

/// An `openAPIV3Schema` out of a plugin's `spec.yaml`, ready to hold configurations against.
///
/// It is read as Kubernetes reads the schema of a CRD: JSON Schema Draft 4 with `nullable`,
/// `x-kubernetes-int-or-string` and `x-kubernetes-preserve-unknown-fields`. Other keywords, such as the translations of
/// the console, say nothing about values.
#[derive(Clone)]
pub struct ConfigSchema {
    validator: Validator,
    defaults: Config,
    example: Option<Config>,
}

/// One thing about a configuration that the schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Where in the configuration; a member that is missing is told of its object.
    pub path: FieldPath,
    /// What is wrong there.
    pub message: String,
}

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigSchemaError {
    /// It is no object.
    #[error("the schema is no object")]
    NotAnObject,
    /// It has more values than any schema needs.
    #[error("the schema has more than {} values", ConfigSchema::MAX_VALUES)]
    TooManyValues,
    /// It has more text than any schema needs.
    #[error("the schema has more than {} bytes of text", ConfigSchema::MAX_TEXT_BYTES)]
    TooMuchText,
    /// It nests too deep.
    #[error("the schema is more than {} levels deep", ConfigSchema::MAX_DEPTH)]
    TooDeep,
    /// It has more patterns than are compiled.
    #[error("the schema has more than {} patterns", ConfigSchema::MAX_PATTERNS)]
    TooManyPatterns,
    /// It refers to another schema.
    #[error("`$ref: {0}` is not followed; write the schema out, as Kubernetes wants it too")]
    Reference(String),
    /// It is no valid schema.
    #[error("the schema is not valid at `{at}`: {reason}")]
    Invalid {
        /// Where in the schema.
        at: String,
        /// What is wrong there.
        reason: String,
    },
}

impl ConfigSchema {
    /// Values of a schema, objects and lists among them.
    pub const MAX_VALUES: usize = 10_000;
    /// Bytes of all keys and texts of a schema.
    pub const MAX_TEXT_BYTES: usize = 1024 * 1024;
    /// Objects and lists of a schema within each other.
    pub const MAX_DEPTH: usize = 48;
    /// Regular expressions of a schema.
    pub const MAX_PATTERNS: usize = 50;
    /// Bytes that one regular expression may compile to.
    pub const MAX_PATTERN_BYTES: usize = 1024 * 1024;
    /// Violations that [`ConfigSchema::check`] tells at most.
    pub const MAX_VIOLATIONS: usize = 100;

    /// Reads `openAPIV3Schema`.
    ///
    /// A hostile schema costs little: it is bounded in size and depth, patterns are matched in linear time, and nothing
    /// is fetched. `$ref` is refused altogether, remote or not; Kubernetes does not know it in a CRD either
    /// (apiextensions v1, `JSONSchemaProps`), and it could make a small schema unfold without end.
    pub fn compile(schema: &Value) -> Result<Self, ConfigSchemaError> {
        let draft4 = draft4::rewrite(schema)?;
        // Linear-time matching: a pattern that would need to go back is no valid one.
        let patterns = PatternOptions::regex()
            .size_limit(Self::MAX_PATTERN_BYTES)
            .dfa_size_limit(Self::MAX_PATTERN_BYTES);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft4)
            .with_pattern_options(patterns)
            .offline()
            .build(&draft4)
            .map_err(|error| ConfigSchemaError::Invalid {
                at: excerpt(error.instance_path().as_str()),
                reason: excerpt(&error.to_string()),
            })?;
        Ok(Self { validator, defaults: defaults::of(schema), example: defaults::example(schema) })
    }

    /// Reads `openAPIV3Schema` for the configurations of match rules, where an author wrote one schema for everything:
    /// members of the scope `GLOBAL` are not for rules.
    pub fn compile_for_rules(schema: &Value) -> Result<Self, ConfigSchemaError> {
        Self::compile(&scope::of_rules(schema))
    }

    /// What `config` does against the schema, in the schema's order; the first [`ConfigSchema::MAX_VIOLATIONS`] of it.
    pub fn check(&self, config: &Config) -> Vec<Violation> {
        let config = Value::Object(config.clone());
        let errors = self.validator.iter_errors(&config).take(Self::MAX_VIOLATIONS);
        errors.map(|error| Violation::of(&error)).collect()
    }

    /// What the schema's `default`s make of an empty configuration.
    ///
    /// An object without a default of its own is filled in where it is required only: Kubernetes does not make optional
    /// ones up either.
    pub fn defaults(&self) -> &Config {
        &self.defaults
    }

    /// The `example` of the whole configuration, where the author wrote one.
    pub fn example(&self) -> Option<&Config> {
        self.example.as_ref()
    }
}

impl fmt::Debug for ConfigSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigSchema").field("defaults", &self.defaults).finish_non_exhaustive()
    }
}

impl Violation {
    fn of(error: &jsonschema::ValidationError<'_>) -> Self {
        let step = |segment| match segment {
            LocationSegment::Property(key) => Step::Key(key.into_owned()),
            LocationSegment::Index(index) => Step::Index(index),
        };
        let path = error.instance_path().into_iter().map(step);
        Self {
            path: path.fold(FieldPath::root(), |path, step| path.step(step)),
            message: excerpt(&error.to_string()),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.steps().is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "`{}`: {}", self.path, self.message)
    }
}

/// The beginning of a text that quotes values of any length.
fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
