use crate::home::Home;

/// A module without the function by which Envoy tells the ABI.
const NO_ABI: &str = r#"(module (memory (export "memory") 1))"#;

#[test]
fn a_file_is_inspected_without_any_registry() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let inspected = home.json(&["inspect", "plugin.wasm"]);
    assert_eq!(inspected["module"]["abi_version"], "0.2.1", "{inspected}");
    assert_eq!(inspected["verdicts"].as_array().unwrap().len(), 6);
    let text = home.ok(&["inspect", "plugin.wasm"]);
    assert!(text.contains("0.2.1") && text.contains("Higress 2.x"), "{text}");
    assert!(!home.path(".local/share/hwasm-registry").exists(), "no store was opened");
}

#[test]
fn an_image_is_inspected_where_it_is() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let pushed = home.json(&["push", "plugin.wasm", "a:1"]);
    let inspected = home.json(&["inspect", "a:1"]);
    assert_eq!(inspected["image"]["digest"], pushed["digest"], "{inspected}");
    assert_eq!(inspected["module"]["abi_version"], "0.2.1", "{inspected}");
}

#[test]
fn what_a_spec_says_is_shown_without_its_schemas() {
    let home = Home::new();
    home.write_plugin("a/plugin.wasm");
    let spec = "info:\n  name: key-auth\n  category: auth\nspec:\n  phase: AUTHN\n  configSchema:\n    \
                openAPIV3Schema:\n      properties:\n        consumers: {}\n";
    home.write("a/spec.yaml", spec);
    home.ok(&["push", "a", "a:1"]);
    for subject in ["./a", "a:1"] {
        let text = home.ok(&["inspect", subject]);
        assert!(text.contains("category       auth") && text.contains("config schema  yes"), "{text}");
        assert!(!text.contains("consumers") && !text.contains("rule schema"), "{text}");
    }
    let inspected = home.json(&["inspect", "a:1"]);
    assert_eq!(inspected["spec"]["config_schema"], true, "{inspected}");
    assert_eq!(inspected["spec"]["phase"], "AUTHN");
}

#[test]
fn strict_refuses_what_a_gateway_cannot_load() {
    let home = Home::new();
    home.write("bad.wat", NO_ABI);
    assert_eq!(home.run(&["inspect", "bad.wat"]).code, 0);
    let ran = home.run(&["inspect", "--strict", "bad.wat"]);
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(ran.stdout.contains("proxy_abi_version"), "the report is printed all the same: {ran:?}");
    assert!(ran.stdout.contains("no gateway would run the module"), "agents loading it is not all: {ran:?}");
    home.write_plugin("good.wasm");
    let good = home.run(&["inspect", "--strict", "good.wasm"]);
    assert!(good.code == 0 && !good.stdout.contains("no gateway"), "{good:?}");
}

#[test]
fn a_component_is_named_as_one() {
    let home = Home::new();
    home.write("component.wasm", wat::parse_str("(component)").unwrap());
    let ran = home.run(&["inspect", "component.wasm"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("component"), "{ran:?}");
}

#[test]
fn a_file_that_is_not_there_is_not_looked_for_elsewhere() {
    let home = Home::new();
    for (subject, said) in [
        ("absent.wasm", "no file `absent.wasm`"),
        ("./absent.wat", "no file"),
        ("./absent", "no OCI image layout"),
    ] {
        let ran = home.run(&["inspect", subject]);
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.stderr.contains(said), "{ran:?}");
    }
    assert!(!home.path(".local").exists(), "no store is made for a question about a file");
}
