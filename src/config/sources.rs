use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the variables of the environment layer begin with; `__` then separates section and key.
pub(super) const ENVIRONMENT_PREFIX: &str = "HWASM_REGISTRY__";

/// Where settings come from, besides the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file that was asked for; it must exist.
    pub file: Option<PathBuf>,
    /// Files to look for when none was asked for; the first that exists is the one.
    pub search: Vec<PathBuf>,
    /// The environment; variables without the prefix are passed over.
    pub environment: BTreeMap<String, String>,
    /// Flags of the command line that stand for a key.
    pub flags: Vec<Flag>,
}

/// A flag of the command line that sets one key.
#[derive(Clone, Debug)]
pub struct Flag {
    /// As typed, with its dashes.
    pub name: &'static str,
    /// The key, from the top: `server.listen`.
    pub key: &'static str,
    /// The value as text.
    pub value: String,
}

impl Sources {
    /// The process's environment, its usual files, and no flags. Variables that are not Unicode are passed over.
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            file,
            search: usual_files(),
            environment: std::env::vars_os().filter_map(text).collect(),
            flags: Vec::new(),
        }
    }

    /// The one file that is read, if any.
    pub(super) fn chosen_file(&self) -> Option<&Path> {
        let found = || self.search.iter().find(|path| path.is_file());
        self.file.as_ref().or_else(found).map(PathBuf::as_path)
    }
}

/// The working directory's file, the user's, the machine's.
fn usual_files() -> Vec<PathBuf> {
    let user = dirs::config_dir().map(|directory| directory.join("hwasm-registry/config.toml"));
    let ends = ["./hwasm-registry.toml", "/etc/hwasm-registry/config.toml"].map(PathBuf::from);
    let [here, machine] = ends;
    [Some(here), user, Some(machine)].into_iter().flatten().collect()
}
