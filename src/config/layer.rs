use std::path::Path;

use config::{ConfigError, File, FileFormat, Map, Source, Value, ValueKind};

use super::sources::ENVIRONMENT_PREFIX;
use super::{Error, Flag};

/// The values one source gives: a file, an environment variable or a flag. Each value carries the source's name.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// What to call the source when something is wrong with it.
    pub(super) origin: String,
    values: Map<String, Value>,
}

impl Layer {
    /// The TOML file at `path`.
    pub(super) fn file(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let origin = path.display().to_string();
        let values = File::from_str(&text, FileFormat::Toml)
            .collect()
            .map_err(|error| Error::invalid(&origin, error))?
            .into_iter()
            .map(|(key, value)| (key, with_origin(value, &origin)))
            .collect();
        Ok(Self { origin, values })
    }

    /// The environment variable `name`, where it is one of ours. Lists are comma-separated, or a TOML array.
    pub(super) fn variable(name: &str, text: &str, defaults: &toml::Table) -> Option<Self> {
        let key = name.strip_prefix(ENVIRONMENT_PREFIX)?.to_lowercase().replace("__", ".");
        let value = if is_list(defaults, &key) { list(text) } else { ValueKind::from(text) };
        Some(Self::single(name, &key, value))
    }

    /// The flag, as if its value stood in a file.
    pub(super) fn flag(flag: &Flag) -> Self {
        Self::single(flag.name, flag.key, ValueKind::from(flag.value.as_str()))
    }

    fn single(origin: &str, key: &str, value: ValueKind) -> Self {
        let value = with_origin(Value::new(None, value), origin);
        Self { origin: origin.to_owned(), values: Map::from([(key.to_owned(), value)]) }
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.values.clone())
    }
}

/// `value` and everything in it, marked as coming from `origin`.
fn with_origin(value: Value, origin: &str) -> Value {
    let name = origin.to_owned();
    let kind = match value.kind {
        ValueKind::Table(table) => ValueKind::Table(
            table.into_iter().map(|(key, value)| (key, with_origin(value, origin))).collect(),
        ),
        ValueKind::Array(items) => {
            ValueKind::Array(items.into_iter().map(|item| with_origin(item, origin)).collect())
        }
        other => other,
    };
    Value::new(Some(&name), kind)
}

fn is_list(defaults: &toml::Table, key: &str) -> bool {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let mut names = rest.into_iter().flat_map(|rest| rest.split('.'));
    let value = defaults.get(first).and_then(|section| names.try_fold(section, toml::Value::get));
    value.is_some_and(toml::Value::is_array)
}

/// `a,b` or `["a", "b"]`; the longer form is for elements that hold commas or are tables.
fn list(text: &str) -> ValueKind {
    let as_toml =
        || File::from_str(&format!("list = {text}"), FileFormat::Toml).collect().ok()?.remove("list");
    match text.starts_with('[').then(as_toml).flatten() {
        Some(value) => value.kind,
        None => text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect::<Vec<_>>().into(),
    }
}
