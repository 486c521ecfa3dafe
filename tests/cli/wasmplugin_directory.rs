//! `serve --wasmplugins`: the directory behind `/debug/configz`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::home::Home;

const PLUGIN: &str =
    "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: p}\nspec: {}\n";

/// The body of `GET path`.
fn get(host: &str, path: &str) -> Value {
    let mut stream = TcpStream::connect(host).expect("the server listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers");
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn serve_tells_what_it_found_and_what_istio_will_not_get() {
    let home = Home::new();
    home.write("plugins/good.yaml", PLUGIN);
    home.write("plugins/fault.yaml", PLUGIN.replace("spec: {}", "spec: {priority: high}"));
    home.write("plugins/dropped.yaml", PLUGIN.replace("spec: {}", "spec: {defaultConfigDisable: true}"));
    home.write("plugins/broken.yaml", "a: [");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data", "--wasmplugins", "plugins"];
    let mut process = home
        .command(&[&arguments[..], &["--format", "json"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = process.stdout.take().unwrap();
    let ready = serde_json::Deserializer::from_reader(stdout).into_iter::<Value>().next().unwrap().unwrap();
    let view = get(ready["listen"].as_str().unwrap(), "/debug/configz");
    process.kill().unwrap();
    process.wait().unwrap();
    let mut stderr = String::new();
    process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(ready["wasmplugins"], json!({ "directory": "plugins", "found": 3, "converted": 1 }));
    assert_eq!(view[0]["metadata"]["name"], "p");
    for part in ["broken.yaml", "fault.yaml", "`spec.priority`", "dropped.yaml", "withdrawn"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(!stderr.contains("good.yaml"), "{stderr}");
}

#[test]
fn the_directory_may_be_configured() {
    let home = Home::new();
    home.write("plugins/p.yaml", PLUGIN);
    home.write(
        "hwasm-registry.toml",
        "[gateway]\nwasmplugins = \"plugins\"\nnamespace = \"gw\"\ngateway_selector = \"app=my-gw\"\n",
    );
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    let view = get(&served.host, "/debug/configz");
    assert_eq!(view[0]["metadata"]["namespace"], "gw");
    assert_eq!(view[0]["spec"]["selector"]["matchLabels"]["app"], "my-gw");
}

#[test]
fn a_directory_that_cannot_be_read_is_the_callers_mistake() {
    let home = Home::new();
    home.write("file.yaml", PLUGIN);
    for directory in ["absent", "file.yaml"] {
        let ran = home.run(&["serve", "--listen", "127.0.0.1:0", "--wasmplugins", directory]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains(&format!("`{directory}`")), "{ran:?}");
        assert!(!home.path(".local/share/hwasm-registry").exists(), "nothing was begun");
    }
}
