use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use config::{Value, ValueKind};
use serde::Serialize;

use super::Config;

/// The configuration as it is in force, with where each value came from.
#[derive(Clone, Debug, Serialize)]
pub struct Effective {
    /// The values.
    pub config: Config,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// By key, the file, environment variable or flag that set it; a key that is not here has its default.
    pub origins: BTreeMap<String, String>,
}

impl Effective {
    pub(super) fn new(config: Config, file: Option<&Path>, merged: &config::Config) -> Self {
        let mut origins = BTreeMap::new();
        collect_origins("", &merged.cache, &mut origins);
        Self { config, file: file.map(Path::to_owned), origins }
    }
}

/// Notes the origin of every value below `value`; lists count as one value.
fn collect_origins(key: &str, value: &Value, origins: &mut BTreeMap<String, String>) {
    match (&value.kind, value.origin()) {
        (ValueKind::Table(table), _) => {
            for (name, child) in table {
                collect_origins(&join(key, name), child, origins);
            }
        }
        (_, Some(origin)) => {
            origins.insert(key.to_owned(), origin.to_owned());
        }
        (_, None) => {}
    }
}

fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// TOML that can be saved as a configuration file; a comment on each line says where the value came from.
impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(path) => writeln!(f, "# flags > environment > {} > defaults", path.display())?,
            None => writeln!(f, "# flags > environment > defaults; no configuration file was found")?,
        }
        let table = toml::Table::try_from(&self.config).map_err(|_| fmt::Error)?;
        self.section("", &table, f)
    }
}

impl Effective {
    /// The plain keys of `table`, aligned, then its tables as sections of their own.
    fn section(&self, name: &str, table: &toml::Table, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tables, plain): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| value.is_table());
        if !name.is_empty() && !plain.is_empty() {
            writeln!(f, "\n[{name}]")?;
        }
        let lines: Vec<_> = plain.into_iter().map(|(key, value)| (key, format!("{key} = {value}"))).collect();
        let width = lines.iter().map(|(_, line)| line.chars().count()).max().unwrap_or_default();
        for (key, line) in lines {
            let origin = self.origins.get(&join(name, key)).map_or("default", String::as_str);
            writeln!(f, "{line:width$}  # {origin}")?;
        }
        tables
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_table()?)))
            .try_for_each(|(key, table)| self.section(&join(name, key), table, f))
    }
}
