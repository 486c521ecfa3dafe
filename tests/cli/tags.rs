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

#[test]
fn a_history_tells_every_move_and_a_rollback_goes_back() {
    let home = Home::new();
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    for repository in ["plugins/a".to_owned(), format!("{}/plugins/a", served.host)] {
        let reference = format!("{repository}:latest");
        let (one, two) = (push(&home, 1, &[&reference]), push(&home, 2, &[&reference]));
        let rolled_back = home.json(&["rollback", &reference]);
        assert_eq!((&rolled_back["from"], &rolled_back["to"]), (&two.clone().into(), &one.clone().into()));
        assert_eq!(named(&home, &repository, "latest"), one);
        let printed = home.ok(&["rollback", &reference, "--to", &two]);
        assert!(printed.contains(&format!("{} -> {}", &one[..19], &two[..19])), "{printed}");
        home.ok(&["delete", "--yes", &reference]);
        let restored = home.json(&["rollback", &reference]);
        assert_eq!((&restored["from"], &restored["to"]), (&serde_json::Value::Null, &two.clone().into()));

        let told = home.json(&["history", &reference]);
        let moves: Vec<_> =
            told["history"].as_array().unwrap().iter().map(|row| row["digest"].as_str()).collect();
        let [one, two] = [&one, &two].map(|digest| Some(digest.as_str()));
        assert_eq!(moves, [two, None, two, one, two, one]);
        assert_eq!(
            (&told["history"][0]["current"], &told["history"][1]["current"]),
            (&true.into(), &false.into())
        );
        assert_eq!(told["history"][0]["changed_by"], "anonymous");
        let printed = home.ok(&["history", &reference]);
        assert!(
            printed.contains("current")
                && printed.contains("deleted")
                && printed.contains(&two.unwrap()[..19])
        );
        assert!(!printed.contains("next free"), "latest is no version: {printed}");
    }
}

#[test]
fn a_rollback_that_cannot_be_says_why_and_what_to_do() {
    let home = Home::new();
    home.write("hwasm-registry.toml", IMMUTABLE);
    let one = push(&home, 1, &["plugins/a:latest"]);
    let two = push(&home, 2, &["plugins/b:latest"]);
    let three = push(&home, 3, &["plugins/b:latest"]);
    push(&home, 3, &["plugins/b:1.0.0"]);
    push(&home, 2, &["plugins/b:1.0.1"]);
    push(&home, 1, &["plugins/c:latest"]);
    let last = push(&home, 2, &["plugins/c:latest"]);
    home.ok(&["delete", "--yes", &format!("plugins/c@{one}")]);
    for (arguments, code, expected) in [
        (vec!["rollback", "plugins/a"], 2, "names no tag"),
        (vec!["rollback", "./out:1"], 2, "not in a registry"),
        (vec!["rollback", "plugins/a:latest"], 3, "nothing else before"),
        (vec!["rollback", "plugins/a:other"], 3, "other"),
        (vec!["history", "plugins/a:other"], 3, "other"),
        (vec!["rollback", "plugins/a:latest", "--to", &two], 3, "does not hold"),
        (vec!["rollback", "plugins/b:1.0.0", "--to", &two], 7, "is immutable"),
        (vec!["rollback", "plugins/c:latest"], 3, "does not hold"),
    ] {
        let ran = home.run(&arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{arguments:?}: {ran:?}");
    }
    assert_eq!(named(&home, "plugins/b", "1.0.0"), three);
    assert_eq!(named(&home, "plugins/c", "latest"), last);
    home.ok(&["rollback", "plugins/b:latest", "--to", &three]);
}

#[test]
fn the_next_free_version_is_suggested() {
    let home = Home::new();
    home.write("hwasm-registry.toml", IMMUTABLE);
    for (number, version) in [(1, "1.0.0"), (2, "1.0.1"), (3, "1.0")] {
        push(&home, number, &[&format!("plugins/a:{version}")]);
    }
    let file = plugin(&home, 4);
    let ran = home.run(&["push", &file, "plugins/a:1.0.0"]);
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(ran.stderr.contains(&format!("`{}/plugins/a:1.0.2`", home.listen())), "{ran:?}");
    assert!(home.ok(&["history", "plugins/a:1.0.0"]).contains("next free version is 1.0.2"));
    assert_eq!(home.json(&["history", "plugins/a:1.0.0"])["next_version"], "1.0.2");
    assert_eq!(home.json(&["history", "plugins/a:1.0"])["next_version"], serde_json::Value::Null);
    let expected = home.run(&["push", &file, "plugins/a:1.0.0", "--if-absent"]);
    assert!(!expected.stderr.contains("1.0.2"), "it was not to be pushed: {expected:?}");
}
