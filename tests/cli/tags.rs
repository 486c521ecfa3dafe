//! Tags with a memory: conditions, immutable tags, their history and the way back.

use crate::home::Home;

const IMMUTABLE: &str = "[[tags.immutable]]\nrepository = \"plugins/**\"\ntags = \"semver\"\n";

/// Pushes a plugin that `number` tells from others; its digest.
fn push(home: &Home, number: u32, arguments: &[&str]) -> String {
    let pushed = home.json(&[&["push", &plugin(home, number)], arguments].concat());
    pushed["digest"].as_str().unwrap().to_owned()
}

/// A plugin's file, with content of its own.
fn plugin(home: &Home, number: u32) -> String {
    let name = format!("{number}.wat");
    let text =
        crate::home::PLUGIN.replacen("(module", &format!("(module (global i32 (i32.const {number}))"), 1);
    home.write(&name, text);
    name
}

/// What the tag names.
fn named(home: &Home, repository: &str, tag: &str) -> String {
    let listed = home.json(&["list", repository]);
    let rows = listed["tags"].as_array().unwrap();
    let row = rows.iter().find(|row| row["tag"] == tag).unwrap();
    row["digest"].as_str().unwrap().to_owned()
}

#[test]
fn a_push_can_depend_on_what_the_tag_names() {
    let home = Home::new();
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    // The local store, which the command serves to itself, and a registry that is served.
    for repository in ["plugins/a".to_owned(), format!("{}/plugins/a", served.host)] {
        let reference = format!("{repository}:latest");
        let one = push(&home, 1, &[&reference, "--if-absent"]);
        let two = push(&home, 2, &[&reference, "--if-unchanged", &one, "--tag", "2"]);
        assert_eq!(named(&home, &repository, "2"), two);
        for condition in [vec!["--if-absent"], vec!["--if-unchanged", &one]] {
            let file = plugin(&home, 3);
            let ran = home.run(&[&["push", &file, &reference, "--tag", "3"], condition.as_slice()].concat());
            assert_eq!((ran.code, ran.stdout.as_str()), (7, ""), "{ran:?}");
            assert!(ran.stderr.contains(&two) && ran.stderr.contains("to do:"), "{ran:?}");
        }
        assert_eq!(home.json(&["list", &repository])["tags"].as_array().unwrap().len(), 2);
        assert_eq!(named(&home, &repository, "latest"), two);
    }
}

#[test]
fn two_conditions_at_once_and_what_is_no_digest_are_mistakes() {
    let home = Home::new();
    let file = plugin(&home, 1);
    let digest = format!("sha256:{}", "0".repeat(64));
    for arguments in [vec!["--if-unchanged", "x"], vec!["--if-unchanged", &digest, "--if-absent"]] {
        assert_eq!(home.run(&[&["push", &file, "a:1"], arguments.as_slice()].concat()).code, 2);
    }
}

#[test]
fn an_immutable_version_is_refused_by_name() {
    let home = Home::new();
    home.write("hwasm-registry.toml", IMMUTABLE);
    let one = push(&home, 1, &["plugins/a:1.0.0"]);
    let file = plugin(&home, 2);
    for arguments in [
        vec!["push", &file, "plugins/a:1.0.0"],
        vec!["push", &file, "plugins/a:latest", "--tag", "1.0.0"],
        vec!["delete", "--yes", "plugins/a:1.0.0"],
        vec!["delete", "--yes", &format!("plugins/a@{one}")],
    ] {
        let ran = home.run(&arguments);
        assert_eq!(ran.code, 7, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(&one) && ran.stderr.contains("tags = \"semver\""), "{ran:?}");
    }
    assert_eq!(named(&home, "plugins/a", "1.0.0"), one);
    push(&home, 1, &["plugins/a:1.0.0"]);
    push(&home, 2, &["plugins/a:1.0.1"]);
}
