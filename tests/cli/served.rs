//! The same commands against a registry that is served.

use std::fs;
use std::process::Stdio;

use crate::home::Home;

#[test]
fn the_local_registry_is_asked_over_http_when_it_runs() {
    let home = Home::new();
    let module = home.write_plugin("plugin.wasm");
    let data = home.path("data");
    let served = home.serve(home.listen(), &data);
    assert_eq!(served.host, home.listen());
    home.ok(&["push", "plugin.wasm", "plugins/a:1"]);
    home.ok(&["pull", &format!("{}/plugins/a:1", served.host), "-o", "back.wasm"]);
    assert_eq!(fs::read(home.path("back.wasm")).unwrap(), module);
    assert!(!home.path(".local/share/hwasm-registry").exists(), "the default store was not touched");
}

#[test]
fn a_push_to_a_named_registry_goes_there() {
    let home = Home::new();
    let module = home.write_plugin("plugin.wasm");
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    let reference = format!("{}/plugins/a:1", served.host);
    let pushed = home.json(&["push", "plugin.wasm", &reference]);
    assert_eq!(pushed["reference"], reference);
    assert_eq!(home.json(&["list", &served.host])["repositories"][0], "plugins/a");
    home.ok(&["pull", &format!("oci://{reference}"), "-o", "back.wasm"]);
    assert_eq!(fs::read(home.path("back.wasm")).unwrap(), module);
    assert_eq!(home.ok(&["list"]).trim(), "", "the local registry has nothing");
}

#[test]
fn a_store_that_another_server_holds_is_not_opened_twice() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let data = home.path(".local/share/hwasm-registry");
    let served = home.serve("127.0.0.1:0", &data);
    let ran = home.run(&["push", "plugin.wasm"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stderr.contains("in use") && ran.stderr.contains("HWASM_REGISTRY__SERVER__LISTEN"),
        "{ran:?}"
    );
    drop(served);
    home.ok(&["push", "plugin.wasm"]);
}

#[test]
fn commands_side_by_side_wait_for_the_store() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let names = ["plugins/a:1", "plugins/b:1", "plugins/c:1"];
    let push = |name| home.command(&["push", "plugin.wasm", name]).stdout(Stdio::piped()).spawn().unwrap();
    for process in names.map(push) {
        assert!(process.wait_with_output().unwrap().status.success());
    }
    assert_eq!(home.json(&["list"])["repositories"].as_array().unwrap().len(), 3);
}

#[test]
fn a_data_directory_that_does_not_count_is_said_not_to() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let _served = home.serve(home.listen(), &home.path("data"));
    let ran = home.run(&["push", "plugin.wasm", "--data-dir", "other"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("warning:") && ran.stderr.contains("`--data-dir`"), "{ran:?}");
    assert!(!home.path("other").exists());
}

#[test]
fn a_signal_ends_the_server_in_order() {
    let home = Home::new();
    let mut served = home.serve("127.0.0.1:0", &home.path("data"));
    let pid = served.process.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(served.process.wait().unwrap().code(), Some(0));
}
