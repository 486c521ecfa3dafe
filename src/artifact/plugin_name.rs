use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::PluginSpec;
use crate::oci::{RepositoryName, Tag};

/// A value together with where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chosen<T> {
    /// The value.
    pub value: T,
    /// Where it was found.
    pub origin: Origin,
    /// How it was written there, where it had to be changed to become legal.
    pub changed_from: Option<String>,
}

/// Where a plugin's name or version came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// `info` of `spec.yaml`.
    SpecYaml,
    /// The module's file name.
    FileName,
    /// The directory it lies in.
    DirectoryName,
    /// Nothing said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SpecYaml => "spec.yaml",
            Self::FileName => "the file name",
            Self::DirectoryName => "the directory name",
            Self::Default => "the default",
        })
    }
}

impl<T: fmt::Display> Chosen<T> {
    /// The text as the plugin itself states it, and none where only its place on disk does: an image must not depend
    /// on the directory it was packed in.
    pub(super) fn stated(&self) -> Option<String> {
        let own = matches!(self.origin, Origin::SpecYaml | Origin::FileName);
        own.then(|| self.changed_from.clone().unwrap_or_else(|| self.value.to_string()))
    }
}

impl<T: fmt::Display> fmt::Display for Chosen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (from {}", self.value, self.origin)?;
        match &self.changed_from {
            Some(text) => write!(f, ", written `{text}`)"),
            None => f.write_str(")"),
        }
    }
}

/// File names that builds give to any plugin, and that therefore name none.
const BUILD_OUTPUTS: [&str; 6] = ["plugin", "main", "release", "module", "filter", "untouched"];

/// Directories that builds put their output in.
const BUILD_DIRECTORIES: [&str; 7] = ["build", "target", "release", "out", "dist", "bin", "wasm"];

/// Whether a file of that stem is some build's output rather than named after its plugin.
pub(super) fn is_build_output(stem: &str) -> bool {
    BUILD_OUTPUTS.contains(&stem)
}

/// The name and version of the plugin whose module lies at `module`, an absolute path.
///
/// `spec.yaml` comes first, then the file name (`key-auth-1.0.0.wasm`), then its directory (`key-auth/1.0.0/`).
pub(super) fn choose(spec: &PluginSpec, module: &Path) -> (Chosen<RepositoryName>, Chosen<Tag>) {
    let (name, version) = candidates(spec, module);
    let name = name.into_iter().find_map(|(text, origin)| chosen(&text, origin, component));
    let version = version.into_iter().find_map(|(text, origin)| chosen(&text, origin, tag));
    let default = || component("plugin").expect("`plugin` is a repository name");
    (
        name.unwrap_or_else(|| Chosen { value: default(), origin: Origin::Default, changed_from: None }),
        version.unwrap_or(Chosen { value: Tag::latest(), origin: Origin::Default, changed_from: None }),
    )
}

type Candidates = Vec<(String, Origin)>;

fn candidates(spec: &PluginSpec, module: &Path) -> (Candidates, Candidates) {
    let mut names: Candidates = spec.name.iter().map(|name| (name.clone(), Origin::SpecYaml)).collect();
    let mut versions: Candidates = spec.version.iter().map(|text| (text.clone(), Origin::SpecYaml)).collect();
    let stem = module.file_stem().unwrap_or_default().to_string_lossy();
    let mut add = |text: &str, origin| {
        let (name, version) = split_version(text);
        names.extend(name.map(|name| (name.to_owned(), origin)));
        versions.extend(version.map(|version| (version.to_owned(), origin)));
        name.is_some()
    };
    if !is_build_output(&stem) && add(&stem, Origin::FileName) {
        return (names, versions);
    }
    let directories =
        module.ancestors().skip(1).filter_map(Path::file_name).map(|name| name.to_string_lossy());
    for directory in directories.skip_while(|name| BUILD_DIRECTORIES.contains(&name.as_ref())).take(2) {
        if add(&directory, Origin::DirectoryName) {
            break;
        }
    }
    (names, versions)
}

/// Takes `key-auth-v1.0.0` apart; either part may be all there is.
fn split_version(text: &str) -> (Option<&str>, Option<&str>) {
    if is_version(text) {
        return (None, Some(bare(text)));
    }
    let separators = text.char_indices().filter(|(_, c)| matches!(c, '-' | '_' | '@' | ':'));
    for (at, _) in separators {
        let (name, version) = (&text[..at], &text[at + 1..]);
        if !name.is_empty() && is_version(version) {
            return (Some(name), Some(bare(version)));
        }
    }
    (Some(text).filter(|text| !text.is_empty()), None)
}

/// Digits, a dot and digits at the beginning, behind an optional `v`.
fn is_version(text: &str) -> bool {
    let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let (major, rest) = bare(text).split_once('.').unwrap_or_default();
    digits(major) && major.bytes().all(|byte| byte.is_ascii_digit()) && digits(rest)
}

fn bare(version: &str) -> &str {
    version.strip_prefix('v').unwrap_or(version)
}

fn chosen<T: fmt::Display>(
    text: &str,
    origin: Origin,
    legal: impl Fn(&str) -> Option<T>,
) -> Option<Chosen<T>> {
    let value = legal(text)?;
    let changed_from = (value.to_string() != text).then(|| text.to_owned());
    Some(Chosen { value, origin, changed_from })
}

/// One component of a repository name: lower case, anything illegal a dash; `None` where nothing legal is left.
fn component(text: &str) -> Option<RepositoryName> {
    const LONGEST: usize = 100;
    let legal = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
    let text: String =
        text.to_lowercase().chars().map(|c| if legal(c) { c } else { '-' }).take(LONGEST).collect();
    let words = |text: &str| text.trim_matches(['-', '.', '_']).to_owned();
    let text = words(&text);
    // Runs such as `._` are illegal as a whole; one dash stands for any of them.
    text.parse().ok().or_else(|| {
        let parts = text.split(['-', '.', '_']).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("-").parse().ok()
    })
}

/// A tag: `+` becomes `_`, as Helm does it, and anything else illegal a dash.
fn tag(text: &str) -> Option<Tag> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let replaced = |c: char| if c == '+' { '_' } else { '-' };
    let text: String =
        text.trim().chars().map(|c| if legal(c) { c } else { replaced(c) }).take(Tag::MAX_LEN).collect();
    text.trim_start_matches(['.', '-']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: Option<&str>, version: Option<&str>) -> PluginSpec {
        PluginSpec { name: name.map(Into::into), version: version.map(Into::into), ..PluginSpec::default() }
    }

    #[test]
    fn name_and_version_come_from_the_first_that_says_so() {
        use Origin::{Default, DirectoryName, FileName, SpecYaml};
        let (none, both) = (spec(None, None), spec(Some("key-auth"), Some("1.0.0")));
        let cases = [
            (&both, "/p/other/plugin.wasm", ("key-auth", SpecYaml), ("1.0.0", SpecYaml)),
            (&spec(Some("key-auth"), None), "/p/x-2.0.0.wasm", ("key-auth", SpecYaml), ("2.0.0", FileName)),
            (&none, "/p/key-auth.wasm", ("key-auth", FileName), ("latest", Default)),
            (&none, "/p/key-auth-1.0.0.wasm", ("key-auth", FileName), ("1.0.0", FileName)),
            (&none, "/p/key_auth_v1.2.wasm", ("key_auth", FileName), ("1.2", FileName)),
            (&none, "/p/oauth-2-bridge.wasm", ("oauth-2-bridge", FileName), ("latest", Default)),
            (&none, "/p/key-auth/plugin.wasm", ("key-auth", DirectoryName), ("latest", Default)),
            (&none, "/p/key-auth/main.wasm", ("key-auth", DirectoryName), ("latest", Default)),
            (&none, "/p/key-auth/1.0.0/plugin.wasm", ("key-auth", DirectoryName), ("1.0.0", DirectoryName)),
            (&none, "/p/key-auth/build/release.wasm", ("key-auth", DirectoryName), ("latest", Default)),
            (&none, "/plugin.wasm", ("plugin", Default), ("latest", Default)),
            (&spec(Some("插件"), None), "/p/x.wasm", ("x", FileName), ("latest", Default)),
        ];
        for (spec, path, (name, name_origin), (version, version_origin)) in cases {
            let (chosen_name, chosen_version) = choose(spec, Path::new(path));
            assert_eq!((chosen_name.value.as_str(), chosen_name.origin), (name, name_origin), "{path}");
            assert_eq!(
                (chosen_version.value.as_str(), chosen_version.origin),
                (version, version_origin),
                "{path}"
            );
        }
    }

    #[test]
    fn illegal_texts_are_changed_and_the_change_is_told() {
        let names = [
            ("Key Auth", "key-auth"),
            ("_x_", "x"),
            ("a..b", "a-b"),
            ("ai/cache", "ai-cache"),
            ("a._b", "a-b"),
        ];
        for (text, expected) in names {
            let (name, _) = choose(&spec(Some(text), None), Path::new("/x.wasm"));
            assert_eq!((name.value.as_str(), name.changed_from.as_deref()), (expected, Some(text)));
        }
        let versions = [("1.0.0+build.5", "1.0.0_build.5"), ("1 beta", "1-beta"), ("-x", "x"), ("ü1", "1")];
        for (text, expected) in versions {
            let (_, version) = choose(&spec(None, Some(text)), Path::new("/x.wasm"));
            assert_eq!((version.value.as_str(), version.changed_from.as_deref()), (expected, Some(text)));
        }
        let (_, version) = choose(&spec(None, Some("1.0.0+a")), Path::new("/x.wasm"));
        assert_eq!(version.to_string(), "1.0.0_a (from spec.yaml, written `1.0.0+a`)");
    }
}
