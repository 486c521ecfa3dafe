use crate::home::Home;

const COMMANDS: [&str; 22] = [
    "serve",
    "push",
    "pull",
    "pack",
    "inspect",
    "list",
    "tag",
    "delete",
    "history",
    "rollback",
    "events",
    "copy",
    "wasmplugin",
    "explain",
    "agent",
    "fleet",
    "impact",
    "webhooks",
    "login",
    "logout",
    "config",
    "completions",
];

const WASMPLUGIN_VERBS: [&str; 8] =
    ["new", "lint", "convert", "match", "chain", "track", "tracked", "untrack"];

#[test]
fn the_front_page_lists_the_commands_and_the_exit_codes() {
    insta::assert_snapshot!(Home::new().ok(&["--help"]));
}

#[test]
fn every_command_has_help_with_examples() {
    let home = Home::new();
    for command in COMMANDS {
        let help = home.ok(&[command, "--help"]);
        assert!(help.contains("Examples:") && help.contains("--format"), "{command}: {help}");
    }
}

#[test]
fn every_verb_of_wasmplugin_has_help_with_examples_and_stands_in_the_manual() {
    let home = Home::new();
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md")).unwrap();
    for verb in WASMPLUGIN_VERBS {
        let help = home.ok(&["wasmplugin", verb, "--help"]);
        assert!(help.contains("Examples:") && help.contains("--format"), "{verb}: {help}");
        assert!(manual.contains(&format!("### `wasmplugin {verb}")), "{verb}");
    }
}

#[test]
fn every_shell_gets_completions() {
    let home = Home::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(home.ok(&["completions", shell]).contains("hwasm-registry"), "{shell}");
    }
}

#[test]
fn the_manual_names_every_command_and_configuration_key() {
    let home = Home::new();
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md")).unwrap();
    for command in COMMANDS {
        assert!(manual.contains(&format!("### `{command}")), "{command}");
    }
    let printed = home.json(&["config"]);
    let mut keys = Vec::new();
    collect_keys("", &printed["config"], &mut keys);
    for key in keys {
        assert!(manual.contains(&format!("`{key}`")), "{key}");
    }
}

fn collect_keys(prefix: &str, value: &serde_json::Value, keys: &mut Vec<String>) {
    match value.as_object() {
        Some(table) => {
            for (name, value) in table {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                collect_keys(&key, value, keys);
            }
        }
        None => keys.push(prefix.to_owned()),
    }
}
