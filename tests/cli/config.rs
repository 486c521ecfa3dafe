use crate::home::Home;

#[test]
fn config_prints_toml_with_the_origin_of_each_value() {
    let home = Home::new();
    home.write("hwasm-registry.toml", "[storage]\nread_connections = 7\n");
    let text = home.ok(&["config"]);
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("listen").contains(&format!("{:?}", home.listen())), "{text}");
    assert!(line("listen").ends_with("# HWASM_REGISTRY__SERVER__LISTEN"), "{text}");
    assert!(line("read_connections = 7").ends_with("# ./hwasm-registry.toml"), "{text}");
    assert!(line("data_dir").ends_with("# default"), "{text}");
}

#[test]
fn config_prints_json_with_the_same_facts() {
    let home = Home::new();
    let printed = home.json(&["config"]);
    assert_eq!(printed["config"]["server"]["listen"], home.listen());
    assert_eq!(printed["origins"]["server.listen"], "HWASM_REGISTRY__SERVER__LISTEN");
    assert_eq!(printed["file"], serde_json::Value::Null);
}

#[test]
fn the_file_is_the_flags_then_the_environments_then_the_users() {
    let home = Home::new();
    let file = |name: &str, connections: u32| {
        home.write(name, format!("[storage]\nread_connections = {connections}\n"));
    };
    let connections = |arguments: &[&str], variable: Option<&str>| {
        let mut command = home.command(&[&["config", "--format", "json"], arguments].concat());
        command.envs(variable.map(|path| ("HWASM_REGISTRY_CONFIG", path)));
        let output = command.output().unwrap();
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        printed["config"]["storage"]["read_connections"].as_u64().unwrap()
    };
    file(".config/hwasm-registry/config.toml", 1);
    assert_eq!(connections(&[], None), 1);
    file("hwasm-registry.toml", 2);
    assert_eq!(connections(&[], None), 2);
    file("variable.toml", 3);
    assert_eq!(connections(&[], Some("variable.toml")), 3);
    file("flag.toml", 4);
    assert_eq!(connections(&["--config", "flag.toml"], Some("variable.toml")), 4);
}

#[test]
fn an_unknown_key_is_named_with_its_file_and_nothing_is_done() {
    let home = Home::new();
    home.write("hwasm-registry.toml", "[server]\nlisten_to = 1\n");
    for arguments in [&["config"][..], &["serve"], &["list"]] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(
            ran.stderr.contains("`listen_to`") && ran.stderr.contains("./hwasm-registry.toml"),
            "{ran:?}"
        );
    }
}
