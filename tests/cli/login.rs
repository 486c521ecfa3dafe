use std::io::Write as _;
use std::process::Stdio;

use crate::home::{Home, Ran};

/// Logs in as `ada` with a password on standard input.
fn login(home: &Home, registry: &str) -> Ran {
    let mut process = home
        .command(&["login", registry, "--username", "ada", "--password-stdin"])
        .env("DOCKER_CONFIG", home.path("docker"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses its arguments is gone before it reads.
    let _ = process.stdin.take().unwrap().write_all(b"s3cret\n");
    Ran::of(process.wait_with_output().unwrap())
}

#[test]
fn a_login_is_kept_where_docker_keeps_it_and_a_logout_removes_it() {
    let home = Home::new();
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    let ran = login(&home, &served.host);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!format!("{ran:?}").contains("s3cret"), "{ran:?}");

    let config = || -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(home.path("docker/config.json")).unwrap()).unwrap()
    };
    // `ada:s3cret` in base64.
    assert_eq!(config()["auths"][&served.host]["auth"], "YWRhOnMzY3JldA==");

    let mut logout = home.command(&["logout", &served.host]);
    let output = logout.env("DOCKER_CONFIG", home.path("docker")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(config()["auths"][&served.host].is_null());
}

#[test]
fn a_login_without_a_terminal_says_what_to_use_instead() {
    let ran = Home::new().run(&["login", "registry.example.com"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("--username"), "{ran:?}");
}

#[test]
fn a_login_to_nobody_keeps_nothing() {
    let home = Home::new();
    let ran = login(&home, home.listen());
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(!home.path("docker").exists());
}

#[test]
fn a_password_within_the_registrys_name_is_not_repeated() {
    let ran = login(&Home::new(), "https://ada:hunter2@r.example.com");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("--username") && !ran.stderr.contains("hunter2"), "{ran:?}");
}
