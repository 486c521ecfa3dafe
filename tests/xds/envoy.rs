//! A real Envoy, where the variable `ENVOY` names its program. What it acknowledges proves nothing: it acknowledges what
//! it does not load, so every claim here is about the headers of its answers.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hwasm_registry::agent::{Limits, Resource, ResourceState, Service, Variant};
use hwasm_registry::gateway::Line;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::{DIALECTS, Dialect, Server, at};

/// A running Envoy with two plugins' filters; it is ended with the value.
struct Envoy {
    process: Child,
    port: u16,
    admin: u16,
    directory: tempfile::TempDir,
}

/// What a filter's stub says of the plugin's absence.
#[derive(Clone, Copy, PartialEq)]
enum Stub {
    /// As Istio has it: no default, so the listener waits for the plugin.
    NoDefault,
    /// As the oldest line has it: an empty filter at once.
    Composite,
}

/// The Envoy to use, if there is one.
#[expect(clippy::print_stdout, reason = "whoever runs the tests is to see what was left out")]
fn program() -> Option<PathBuf> {
    let program = std::env::var_os("ENVOY").map(PathBuf::from);
    if program.is_none() {
        println!("left out: no Envoy, the variable ENVOY names none");
    }
    program
}

fn type_of(name: &str) -> Value {
    json!(format!("type.googleapis.com/{name}"))
}

impl Envoy {
    fn start(program: &Path, server: u16, dialect: Dialect, stub: Stub) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (port, admin) = (free_port(), free_port());
        let boot = directory.path().join("boot.json");
        std::fs::write(&boot, bootstrap([port, admin, server], dialect, stub).to_string()).unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let process = Command::new(program)
            .args(["--disable-hot-restart", "--concurrency", "1", "-l", "warning", "-c"])
            .arg(boot)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { process, port, admin, directory }
    }

    /// Status, and the headers that the plugins add: of `a`, then of `b`.
    async fn answer(&self) -> Option<(u16, String, String)> {
        let answer = reqwest::get(format!("http://127.0.0.1:{}/", self.port)).await.ok()?;
        let header = |name: &str| {
            answer.headers().get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
        };
        Some((answer.status().as_u16(), header("x-a"), header("x-b")))
    }

    /// Asks until the answer is this one.
    async fn answers(&self, status: u16, a: &str, b: &str) {
        let expected = Some((status, a.to_owned(), b.to_owned()));
        let started = Instant::now();
        let mut seen = None;
        while started.elapsed() < Duration::from_secs(20) {
            seen = self.answer().await;
            if seen == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("expected {expected:?}, got {seen:?}\n{}", self.log());
    }

    async fn is_ready(&self) -> bool {
        let ready = reqwest::get(format!("http://127.0.0.1:{}/ready", self.admin)).await;
        ready.is_ok_and(|ready| ready.status().is_success())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// `ports` are those of the listener, the administration and the discovery server.
fn bootstrap(ports: [u16; 3], dialect: Dialect, stub: Stub) -> Value {
    let address = |port: u16| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let manager = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let http = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let source = source(dialect);
    let mut boot = json!({
        "node": {"id": "gateway-1", "cluster": "gateways"},
        "admin": {"address": address(ports[1])},
        "static_resources": {
            "listeners": [{"name": "in", "address": address(ports[0]), "filter_chains": [{"filters": [{
                "name": "http",
                "typed_config": {
                    "@type": type_of(manager),
                    "stat_prefix": "in",
                    "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{
                        "match": {"prefix": "/"},
                        "direct_response": {"status": 200, "body": {"inline_string": "served"}}}]}]},
                    "http_filters": [filter("n.a", &source, stub), filter("n.b", &source, stub), {
                        "name": "router",
                        "typed_config": {"@type": type_of("envoy.extensions.filters.http.router.v3.Router")}}]
                }}]}]}],
            "clusters": [{
                "name": "discovery", "type": "STATIC",
                "typed_extension_protocol_options": {http: {
                    "@type": type_of(http), "explicit_http_config": {"http2_protocol_options": {}}}},
                "load_assignment": {"cluster_name": "discovery", "endpoints": [
                    {"lb_endpoints": [{"endpoint": {"address": address(ports[2])}}]}]}}]
        }
    });
    if dialect.0 == Service::Ads {
        // Asking for clusters and listeners as well shows that they hold nothing up.
        let ads = json!({"ads": {}, "resource_api_version": "V3"});
        let resources = json!({"ads_config": grpc(dialect), "cds_config": ads, "lds_config": ads});
        boot["dynamic_resources"] = resources;
    }
    boot
}

fn filter(name: &str, source: &Value, stub: Stub) -> Value {
    let filter = |name: &str| type_of(&format!("envoy.extensions.filters.http.{name}"));
    let mut discovery = json!({
        "config_source": source,
        "type_urls": [filter("wasm.v3.Wasm"), filter("rbac.v3.RBAC")]
    });
    if stub == Stub::Composite {
        discovery["default_config"] = json!({"@type": filter("composite.v3.Composite")});
        discovery["apply_default_config_without_warming"] = json!(true);
        discovery["type_urls"] = json!([filter("wasm.v3.Wasm"), filter("composite.v3.Composite")]);
    }
    json!({"name": name, "config_discovery": discovery})
}

fn source(dialect: Dialect) -> Value {
    let mut source = json!({"resource_api_version": "V3", "initial_fetch_timeout": "0s"});
    match dialect.0 {
        Service::Ads => source["ads"] = json!({}),
        Service::Ecds => source["api_config_source"] = grpc(dialect),
    }
    source
}

fn grpc(dialect: Dialect) -> Value {
    let api_type = match dialect.1 {
        Variant::Sotw => "GRPC",
        Variant::Delta => "DELTA_GRPC",
    };
    json!({"api_type": api_type, "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": {"cluster_name": "discovery"}}]})
}

/// Modules in a directory: each adds a header that says which one it is.
struct Modules(tempfile::TempDir);

impl Modules {
    fn path(&self, name: &str, version: &str) -> PathBuf {
        self.0.path().join(format!("{name}-{version}.wasm"))
    }

    fn write(&self, name: &str, version: &str) {
        std::fs::write(self.path(name, version), module(name, version)).unwrap();
    }

    /// The resource of the plugin `name` with that version of its module.
    fn resource(&self, line: Line, name: &str, version: &str) -> Resource {
        at(line, name, self.path(name, version).to_str().unwrap())
    }
}

/// A module that adds `x-<name>: <version>` to every response.
fn module(name: &str, version: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "env" "proxy_add_header_map_value"
            (func $add (param i32 i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 16) "x-{name}")
          (data (i32.const 32) "{version}")
          (func (export "proxy_abi_version_0_2_1"))
          (func (export "malloc") (param i32) (result i32) (i32.const 1024))
          (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (drop (call $add (i32.const 2) (i32.const 16) (i32.const {name_size})
              (i32.const 32) (i32.const {version_size})))
            (i32.const 0)))"#,
        name_size = name.len() + 2,
        version_size = version.len(),
    );
    wat::parse_str(text).unwrap()
}

async fn serve(port: u16, line: Line) -> Server {
    let listener = loop {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => break listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    Server::on(listener, &Limits::default(), line)
}

#[tokio::test]
async fn a_real_envoy_takes_plugins_from_ecds_sotw() {
    takes_plugins(DIALECTS[0]).await;
}

#[tokio::test]
async fn a_real_envoy_takes_plugins_from_ecds_delta() {
    takes_plugins(DIALECTS[1]).await;
}

#[tokio::test]
async fn a_real_envoy_takes_plugins_from_ads_sotw() {
    takes_plugins(DIALECTS[2]).await;
}

#[tokio::test]
async fn a_real_envoy_takes_plugins_from_ads_delta() {
    takes_plugins(DIALECTS[3]).await;
}

async fn takes_plugins(dialect: Dialect) {
    let Some(program) = program() else { return };
    lifetime(&program, dialect, Stub::NoDefault, Line::Higress119).await;
    lifetime(&program, dialect, Stub::Composite, Line::Seed).await;
}

/// Swaps, a refusal and its mending, a server that was restarted, stand-ins, a removal.
async fn lifetime(program: &Path, dialect: Dialect, stub: Stub, line: Line) {
    let modules = Modules(tempfile::tempdir().unwrap());
    for (name, version) in [("a", "1"), ("a", "2"), ("b", "1")] {
        modules.write(name, version);
    }
    let plugin = |name: &str, version: &str| modules.resource(line, name, version);
    let server = serve(0, line).await;
    let port = server.address.port();
    let envoy = Envoy::start(program, port, dialect, stub);
    if stub == Stub::Composite {
        envoy.answers(200, "", "").await;
    }
    server.publisher.publish([plugin("a", "1")]);
    server.status("n.a", |status| status.state == ResourceState::Accepted).await;
    if stub == Stub::NoDefault {
        assert!(!envoy.is_ready().await, "{dialect:?}: a plugin that nobody published lets requests pass");
    }
    server.publisher.publish([plugin("a", "1"), plugin("b", "1")]);
    envoy.answers(200, "1", "1").await;
    server.publisher.publish([plugin("a", "2"), plugin("b", "1")]);
    envoy.answers(200, "2", "1").await;

    // A corrupt module is refused, and the one before it keeps serving; once mended in place, it is taken.
    std::fs::write(modules.path("a", "3"), b"\0asm\x01\0\0\0 and no more").unwrap();
    server.publisher.publish([plugin("a", "3"), plugin("b", "1")]);
    let refused = server.status("n.a", |status| status.state == ResourceState::Rejected).await;
    assert!(refused.rejected.unwrap().reason.contains("Unable to create Wasm plugin"), "{dialect:?}");
    envoy.answers(200, "2", "1").await;
    modules.write("a", "3");
    server.publisher.retry("n.a");
    envoy.answers(200, "3", "1").await;
    // Refused by this server, mended before the next one, which does not know of it.
    server.publisher.publish([plugin("a", "4"), plugin("b", "1")]);
    server.status("n.a", |status| status.state == ResourceState::Rejected).await;
    server.stop().await;
    envoy.answers(200, "3", "1").await;
    modules.write("a", "4");
    let server = serve(port, line).await;
    server.publisher.publish([plugin("a", "4"), plugin("b", "1")]);
    envoy.answers(200, "4", "1").await;

    stand_ins(&server, &envoy, &modules, line).await;
    server.stop().await;
}

/// Placeholders and removal.
async fn stand_ins(server: &Server, envoy: &Envoy, modules: &Modules, line: Line) {
    let b = || modules.resource(line, "b", "1");
    if let Some(deny) = Resource::deny_all("n.a", line) {
        server.publisher.publish([deny, b()]);
        // The answer comes from this filter, so those behind it do not see it.
        envoy.answers(403, "", "").await;
    }
    server.publisher.publish([Resource::allow_all("n.a", line), b()]);
    envoy.answers(200, "", "1").await;
    server.publisher.publish([modules.resource(line, "a", "1"), b()]);
    envoy.answers(200, "1", "1").await;
    server.publisher.publish([b()]);
    envoy.answers(200, "", "1").await;
}
