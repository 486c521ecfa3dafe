//! Holds the code to the house's two rules. Imports point down the floors, to the rooms that the table names. And a
//! room has one door: others name `crate::room` or `crate::room::Item`, never anything deeper.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "architecture/paths.rs"]
mod paths;

use paths::{CratePath, crate_paths};

/// Every room, and the rooms it may import. Rooms on one floor do not know each other.
const HOUSE: [(&str, &[&str]); 18] = [
    ("main", &["commands"]),
    (
        "commands",
        &[
            "config", "server", "ops", "agent", "registry", "fleet", "client", "auth", "policy", "gateway",
            "storage", "artifact", "plugin", "webhook",
        ],
    ),
    // Only their `Config` types, see `forbidden_to_config`.
    (
        "config",
        &[
            "server", "ops", "agent", "registry", "fleet", "client", "auth", "gateway", "storage",
            "artifact", "webhook",
        ],
    ),
    ("server", &["registry", "fleet", "auth", "ops", "gateway", "artifact", "plugin", "agent", "webhook"]),
    ("ops", &["registry", "client", "storage"]),
    ("agent", &["client", "policy", "gateway", "artifact", "plugin"]),
    ("webhook", &["storage"]),
    ("registry", &["storage", "artifact"]),
    ("fleet", &["policy", "storage", "plugin"]),
    ("client", &["artifact"]),
    ("policy", &["plugin"]),
    ("auth", &["storage"]),
    ("gateway", &["plugin"]),
    ("storage", &[]),
    ("artifact", &[]),
    ("plugin", &[]),
    ("oci", &[]),
    ("telemetry", &[]),
];

/// The ground floor, which every room above it may use.
const VOCABULARY: [&str; 2] = ["oci", "telemetry"];

#[test]
fn the_house_is_in_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&root);
    assert!(files.len() > 5, "found only {} source files under {}", files.len(), root.display());
    let faults: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let source = fs::read_to_string(file).expect("a source file is readable text");
            faults(file.strip_prefix(&root).expect("it was found below the root"), &source)
        })
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_fault_is_found_wherever_it_hides() {
    let table = [
        // Imports point down, to the rooms named.
        ("storage/blob.rs", "use crate::registry::Registry;", "`storage` may not import `registry`"),
        ("client/remote.rs", "use crate::storage::Store;", "`client` may not import `storage`"),
        (
            "oci/digest.rs",
            "fn f() -> crate::telemetry::Level { todo!() }",
            "`oci` may not import `telemetry`",
        ),
        (
            "artifact/pack.rs",
            "use crate::{oci::Digest, client::Remote};",
            "`artifact` may not import `client`",
        ),
        ("registry/mod.rs", "use super::server::Router;", "`registry` may not import `server`"),
        ("registry/tag/mod.rs", "use super::super::client::Remote;", "`registry` may not import `client`"),
        (
            "storage/mod.rs",
            "mod tests { use super::super::server::V2; }",
            "`storage` may not import `server`",
        ),
        ("main.rs", "use hwasm_registry::storage::Store;", "`main` may not import `storage`"),
        ("auth/mod.rs", "use crate::kitchen::Knife;", "`auth` may not import `kitchen`"),
        // One door per room.
        ("server/v2.rs", "use crate::registry::upload::Session;", "`registry` at its door"),
        ("server/v2.rs", "use crate::registry::{Upload, upload::Session};", "`registry` at its door"),
        ("server/v2.rs", "use crate::{\n  oci::{Digest, manifest::{Manifest}},\n};", "server/v2.rs:2: "),
        ("server/v2.rs", "fn f() { crate::oci::digest::parse(\"x\"); }", "`oci` at its door"),
        ("server/v2.rs", "use crate::registry;\nfn f() { registry::upload::open(); }", "server/v2.rs:2: "),
        (
            "server/v2.rs",
            "use crate::registry as r;\nfn f() { r::upload::open(); }",
            "`registry` at its door",
        ),
        ("server/v2.rs", "use crate::registry::upload::*;", "`registry` at its door"),
        // config collects the rooms' `Config` types and nothing else.
        ("config/mod.rs", "use crate::storage::Store;", "`config` may take only `Config` types"),
        ("config/mod.rs", "use crate::storage;\nfn f() { storage::Store::open(); }", "only `Config` types"),
        // Rooms are folders with a page.
        ("storage/mod.rs", "mod blob;", "has no `//!` page"),
        ("storage.rs", "//! A room.", "a room is a folder"),
    ];
    for (file, source, expected) in table {
        let found = faults(Path::new(file), source).join("\n");
        assert!(found.contains(expected), "{file}: {source}\nexpected: {expected}\n   found: {found}");
    }
}

#[test]
fn what_the_rules_allow_is_not_a_fault() {
    let table = [
        ("server/v2.rs", "use crate::registry::{self, Registry};\nuse crate::{oci, telemetry};"),
        (
            "server/v2.rs",
            "use crate::oci::media_type;\nfn f() { media_type::of(crate::oci::ErrorCode::Denied); }",
        ),
        ("server/v2.rs", "fn f() { crate::registry::open::<u8>(); crate::registry::Registry::open(); }"),
        ("server/v2.rs", "pub(crate) fn f() { let registry = 1; registry.upload::<u8>(); }"),
        ("storage/metadata/tag.rs", "use crate::storage::blob::path; use super::super::blob::Blob;"),
        (
            "storage/blob.rs",
            "mod tests { use super::*; mod deep { use super::super::Blob; } }\nuse super::Store;",
        ),
        (
            "storage/blob.rs",
            "// use crate::server::x\n/* crate::server /* nested */ x */ /// [`crate::server::V2`]\n",
        ),
        (
            "storage/blob.rs",
            "const S: &str = \"crate::server::v2\"; const R: &str = r#\"\" crate::server::v2 \"#;",
        ),
        (
            "storage/blob.rs",
            "fn f<'a>(c: char) -> bool { c == '\"' || c == '\\'' || c == 'x' } // crate::server::v2",
        ),
        (
            "config/mod.rs",
            "//! Page.\nuse crate::{server, storage::Config as StorageConfig};\ntype C = server::Config;",
        ),
        (
            "commands/push.rs",
            "use crate::client::Remote; use crate::storage::Store; use crate::config::Config;",
        ),
        ("main.rs", "use hwasm_registry::commands;\nfn main() { commands::run() }"),
        ("lib.rs", "//! Front page.\npub mod oci;"),
    ];
    for (file, source) in table {
        assert_eq!(faults(Path::new(file), source), Vec::<String>::new(), "{file}: {source}");
    }
}

/// What is wrong with one file, as `file:line: sentence`.
fn faults(file: &Path, source: &str) -> Vec<String> {
    if file == Path::new("lib.rs") {
        return Vec::new();
    }
    let module = module_of(file);
    let room = module[0].as_str();
    let mut faults = Vec::new();
    if module.len() == 1 && room != "main" {
        faults.extend(fault_of_the_door(file, source));
    }
    for path in crate_paths(&module, source) {
        if let Some(sentence) = fault_of_the_import(room, &path) {
            faults.push(format!("{}:{}: {sentence}", file.display(), path.line));
        }
    }
    faults
}

fn fault_of_the_door(file: &Path, source: &str) -> Option<String> {
    if !file.ends_with("mod.rs") {
        return Some(format!("{}: a room is a folder with a mod.rs", file.display()));
    }
    (!source.starts_with("//!")).then(|| format!("{}: the room has no `//!` page", file.display()))
}

fn fault_of_the_import(room: &str, path: &CratePath) -> Option<String> {
    let shown = path.segments.join("::");
    let (target, inside) = path.segments.split_first()?;
    if target == room {
        return None;
    }
    if !may_import(room, target) {
        return Some(format!("`{room}` may not import `{target}` (`{shown}`)"));
    }
    if reaches_inside(inside) {
        return Some(format!("take `{target}` at its door, not `{shown}`"));
    }
    if room == "config" && forbidden_to_config(target, inside) {
        return Some(format!("`config` may take only `Config` types from rooms (`{shown}`)"));
    }
    None
}

fn may_import(room: &str, target: &str) -> bool {
    let Some((_, allowed)) = HOUSE.iter().find(|(name, _)| *name == room) else {
        return false;
    };
    allowed.contains(&target) || (VOCABULARY.contains(&target) && !VOCABULARY.contains(&room))
}

/// `media_type::OCI_INDEX` goes through a module; `ErrorCode::Denied` and `Store::open` belong to an item.
fn reaches_inside(inside: &[String]) -> bool {
    inside.len() > 1 && inside[0].starts_with(char::is_lowercase)
}

fn forbidden_to_config(target: &str, inside: &[String]) -> bool {
    !VOCABULARY.contains(&target) && inside.first().is_some_and(|item| !item.contains("Config"))
}

/// `storage/metadata/tag.rs` is `["storage", "metadata", "tag"]`, `storage/mod.rs` is `["storage"]`.
fn module_of(file: &Path) -> Vec<String> {
    let mut module: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|name| name == "mod") {
        module.pop();
    }
    module
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the source folder is readable");
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("a directory entry is readable").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
