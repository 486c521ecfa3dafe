//! The local registry without a server: straight over the default store.

use std::fs;

use crate::home::Home;

#[test]
fn a_fresh_machine_takes_a_push_and_gives_it_back_byte_for_byte() {
    let home = Home::new();
    let module = home.write_plugin("key-auth/plugin.wasm");

    let pushed = home.run(&["push", "key-auth/plugin.wasm"]);
    assert_eq!(pushed.code, 0, "{pushed:?}");
    assert!(
        pushed.stderr.contains("key-auth") && pushed.stderr.contains("latest"),
        "it says what it chose: {pushed:?}"
    );

    assert_eq!(home.ok(&["list"]).trim(), "plugins/key-auth");
    let tags = home.json(&["list", "plugins/key-auth"]);
    assert_eq!(tags["tags"][0]["tag"], "latest");

    home.ok(&["pull", "plugins/key-auth", "-o", "back.wasm"]);
    assert_eq!(fs::read(home.path("back.wasm")).unwrap(), module);
    assert!(home.path(".local/share/hwasm-registry").is_dir(), "the default data directory is the user's");
}

#[test]
fn a_push_prints_what_a_person_needs_next() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let printed = home.ok(&["push", "plugin.wasm", "plugins/key-auth:1.0.0"]);
    let digest = home.json(&["list", "plugins/key-auth"])["tags"][0]["digest"].as_str().unwrap().to_owned();
    for expected in [
        digest.as_str(),
        &format!("oci://{}/plugins/key-auth@{digest}", home.listen()),
        "Higress 2.x",
        "kind: WasmPlugin",
        &format!("url: oci://{}/plugins/key-auth:1.0.0", home.listen()),
        "imagePullPolicy: IfNotPresent",
    ] {
        assert!(printed.contains(expected), "{printed}\nexpected: {expected}");
    }
}

#[test]
fn a_push_in_json_has_the_same_facts_under_fixed_names() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let pushed = home.json(&["push", "plugin.wasm", "plugins/a:latest"]);
    let digest = pushed["digest"].as_str().unwrap();
    assert!(digest.starts_with("sha256:"), "{pushed}");
    assert_eq!(pushed["reference"], format!("{}/plugins/a:latest", home.listen()));
    assert_eq!(pushed["pinned_url"], format!("oci://{}/plugins/a@{digest}", home.listen()));
    assert_eq!(pushed["pull_policy"], "Always");
    assert!(
        pushed["wasm_plugin"].as_str().unwrap().starts_with("apiVersion: extensions.higress.io/v1alpha1")
    );
    assert_eq!(pushed["verdicts"].as_array().unwrap().len(), 6, "{pushed}");
}

#[test]
fn the_same_plugin_gets_the_same_digest_on_every_machine() {
    let digest = || {
        let home = Home::new();
        home.write_plugin("plugin.wasm");
        home.json(&["push", "plugin.wasm", "plugins/a:1"])["digest"].clone()
    };
    assert_eq!(digest(), digest());
}

#[test]
fn a_directory_brings_its_name_version_phase_and_priority() {
    let home = Home::new();
    home.write_plugin("src/plugin.wasm");
    let spec = "apiVersion: 1.0.0\ninfo:\n  name: key-auth\n  version: 1.2.3\nspec:\n  phase: AUTHN\n  priority: 310\n";
    home.write("src/spec.yaml", spec);
    let pushed = home.json(&["push", "src"]);
    assert_eq!(pushed["reference"], format!("{}/plugins/key-auth:1.2.3", home.listen()));
    let resource = pushed["wasm_plugin"].as_str().unwrap();
    assert!(resource.contains("phase: AUTHN") && resource.contains("priority: 310"), "{resource}");
}

#[test]
fn text_modules_are_compiled_so_that_a_first_try_needs_no_toolchain() {
    let home = Home::new();
    home.write("hello.wat", crate::home::PLUGIN);
    home.ok(&["push", "hello.wat"]);
    home.ok(&["pull", "plugins/hello"]);
    assert!(fs::read(home.path("plugin.wasm")).unwrap().starts_with(b"\0asm"));
}

#[test]
fn a_pull_to_a_dash_writes_the_module_to_standard_output() {
    let home = Home::new();
    let module = home.write_plugin("plugin.wasm");
    home.ok(&["push", "plugin.wasm", "a:1"]);
    let output = home.command(&["pull", "a:1", "-o", "-"]).output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, module);
}

#[test]
fn a_pull_to_a_device_does_not_replace_it() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    home.ok(&["push", "plugin.wasm", "a:1"]);
    home.ok(&["pull", "a:1", "-o", "/dev/null"]);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn tags_are_added_and_deleted() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    home.ok(&["push", "plugin.wasm", "plugins/a:1.0.0"]);
    home.ok(&["tag", "plugins/a:1.0.0", "1.0", "latest"]);
    let tags = || -> Vec<String> {
        let listed = home.json(&["list", "plugins/a"]);
        listed["tags"].as_array().unwrap().iter().map(|row| row["tag"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(tags(), ["1.0", "1.0.0", "latest"]);
    home.ok(&["delete", "--yes", "plugins/a:latest"]);
    assert_eq!(tags(), ["1.0", "1.0.0"]);
}

#[test]
fn quiet_leaves_only_the_result() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let ran = home.run(&["push", "plugin.wasm", "--quiet"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stdout.contains("sha256:"));
}

#[test]
fn colours_need_a_terminal_or_a_wish() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    home.ok(&["push", "plugin.wasm", "a:1"]);
    assert!(!home.ok(&["list", "a"]).contains('\u{1b}'));
    assert!(home.ok(&["list", "a", "--color", "always"]).contains('\u{1b}'));
}
