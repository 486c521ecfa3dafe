//! What happened to a registry's content, told on the command line.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use crate::home::Home;

/// `events --follow` at work; it ends with the test.
struct Following {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Following {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let arguments = [&["events", "--follow", "--format", "json"], arguments].concat();
        let mut command = home.command(&arguments);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("it goes on").unwrap();
        serde_json::from_str(&line).expect("one document on each line")
    }

    /// Ends it as Ctrl-C does; its exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = self.process.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn documents(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_kept_is_told_of_a_local_store_and_of_a_registry() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    for host in [None, Some(served.host.as_str())] {
        let at = host.map(|host| format!("{host}/")).unwrap_or_default();
        home.ok(&["push", "plugin.wasm", &format!("{at}plugins/a:1.0.0")]);
        home.ok(&["push", "plugin.wasm", &format!("{at}plugins/b:1.0.0")]);
        home.ok(&["delete", "--yes", &format!("{at}plugins/a:1.0.0")]);
        let events = |more: &[&str]| {
            let arguments: Vec<&str> =
                ["events"].into_iter().chain(host).chain(more.iter().copied()).collect();
            home.ok(&arguments)
        };
        let printed = events(&[]);
        assert_eq!(printed.lines().count(), 5, "{printed}");
        let last = printed.lines().last().unwrap();
        assert!(last.contains("tag-deleted") && last.contains("plugins/a:1.0.0"), "{printed}");
        assert!(last.contains("sha256:") && last.ends_with("by anonymous"), "{printed}");

        let all = documents(&events(&["--format", "json"]));
        assert_eq!(all[4]["type"], "tag-deleted");
        let after = all[1]["id"].to_string();
        let rest = documents(&events(&["--format", "json", "--after", &after]));
        assert_eq!(rest, all[2..]);
        let of_b = documents(&events(&["--format", "json", "--repository", "plugins/b"]));
        assert_eq!(of_b, all[2..4]);
        assert_eq!(events(&["--after", "100"]), "");
    }
}

#[test]
fn a_follower_hears_of_what_comes_and_misses_nothing_over_a_restart() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let data = home.path("data");
    let served = home.serve(home.listen(), &data);
    home.ok(&["push", "plugin.wasm", "plugins/a:1"]);
    let mut all = Following::start(&home, &["--after", "0"]);
    let mut of_a = Following::start(&home, &["--after", "0", "--repository", "plugins/a"]);
    for kind in ["manifest-pushed", "tag-moved"] {
        assert_eq!(all.next()["type"], kind);
        assert_eq!(of_a.next()["type"], kind);
    }
    drop(served);
    home.ok(&["push", "plugin.wasm", "plugins/b:1", "--data-dir", &data.display().to_string()]);
    let _served = home.serve(home.listen(), &data);
    home.ok(&["push", "plugin.wasm", "plugins/a:2"]);
    let heard: Vec<_> = (0..3).map(|_| all.next()).collect();
    let ids: Vec<_> = heard.iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [3, 4, 5]);
    assert_eq!((&heard[1]["tag"], &heard[2]["tag"]), (&"1".into(), &"2".into()));
    assert_eq!(of_a.next(), heard[2]);
    assert_eq!(all.interrupt(), Some(0));
}

#[test]
fn nothing_is_followed_where_nothing_can_happen() {
    let home = Home::new();
    let ran = home.run(&["events", "--follow"]);
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(ran.stderr.contains("hwasm-registry serve"), "{ran:?}");
    let nobody = home.run(&["events", "--follow", home.listen()]);
    assert_eq!(nobody.code, 5, "{nobody:?}");
}

/// A web server that is no registry like ours: it answers everything with 404.
fn other_registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 19\r\n\r\n";
            let _ = writeln!(stream, "{head}404 page not found");
        }
    });
    host
}

#[test]
fn a_registry_without_events_or_history_is_said_to_have_none() {
    let home = Home::new();
    let host = other_registry();
    let tag = format!("{host}/plugins/a:1");
    for (arguments, lacks) in [
        (vec!["events", &host], "no events"),
        (vec!["events", &host, "--follow"], "no events"),
        (vec!["history", &tag], "no history"),
        (vec!["rollback", &tag], "no history"),
    ] {
        let ran = home.run(&arguments);
        assert_eq!(ran.code, 1, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(lacks) && ran.stderr.contains("to do:"), "{arguments:?}: {ran:?}");
    }
}
