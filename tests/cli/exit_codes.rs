use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::home::Home;

#[test]
fn the_exit_code_says_what_kind_of_failure_it_was() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    home.write("notes.txt", "not a module");
    home.ok(&["push", "plugin.wasm", "plugins/a:1"]);
    let nobody = home.listen().to_owned();
    for (arguments, code, expected) in [
        (vec!["push"], 2, "FILE"),
        (vec!["fly"], 2, "fly"),
        (vec!["pull", "Plugins/A"], 2, "`Plugins/A`"),
        (vec!["delete", "plugins/a"], 2, "neither a tag nor a digest"),
        (vec!["delete", "plugins/a:1"], 2, "--yes"),
        (vec!["pull", "plugins/a:2"], 3, "plugins/a"),
        (vec!["pull", "plugins/b:1"], 3, "plugins/b"),
        (vec!["push", "absent.wasm"], 3, "absent.wasm"),
        (vec!["push", "notes.txt"], 1, "notes.txt"),
        (vec!["pull", "./absent"], 3, "absent"),
    ] {
        let ran = home.run(&arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{arguments:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
    let reference = format!("{nobody}/plugins/a:1");
    let ran = home.run(&["pull", &reference]);
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(ran.stderr.contains(&nobody) && ran.stderr.contains("to do:"), "{ran:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::new();
    let mut process = home
        .command(&["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

/// A registry that lets nobody in.
fn closed_registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
            let _ = write!(
                stream,
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"closed\"\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    host
}

#[test]
fn a_registry_that_wants_credentials_gives_four() {
    let home = Home::new();
    let ran = home.run(&["pull", &format!("{}/plugins/a:1", closed_registry())]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.stderr.contains("UNAUTHORIZED") && ran.stderr.contains("hwasm-registry login"), "{ran:?}");
}

#[test]
fn a_login_that_is_refused_gives_four_and_keeps_nothing() {
    let home = Home::new();
    let mut login = home.command(&["login", &closed_registry(), "--username", "ada", "--password-stdin"]);
    let output = login.stdin(std::process::Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("check user name and password") && !said.contains("hwasm-registry login"),
        "{said}"
    );
    assert!(!home.path(".docker").exists());
}

#[test]
fn a_registry_that_refuses_unloadable_plugins_gives_six() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let push = ["push", "plugin.wasm", "plugins/a:1", "--layout", "wasm"];
    let warned = home.run(&push);
    assert_eq!(warned.code, 0, "{warned:?}");
    assert!(warned.stderr.contains("warning: the registry says"), "{warned:?}");
    home.write("hwasm-registry.toml", "[plugins]\non_unloadable = \"refuse\"\n");
    let refused = home.run(&push);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.stderr.contains("MANIFEST_INVALID") && refused.stderr.contains("to do:"), "{refused:?}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = home.run(&["serve", "--listen", &address]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains(&address) && ran.stderr.contains("--listen"), "{ran:?}");
}

#[test]
fn a_build_date_that_no_image_could_carry_is_a_mistake_of_the_caller() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    for (date, code) in [("soon", 2), ("-1", 2), ("999999999999", 2), ("253402300799", 0)] {
        let mut pack = home.command(&["pack", "plugin.wasm", "b.tar:1"]);
        let status = pack.env("SOURCE_DATE_EPOCH", date).output().unwrap().status;
        assert_eq!(status.code(), Some(code), "{date}");
    }
}
