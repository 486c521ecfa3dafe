//! What is asked of a server, and what runs: the agent's half of what its decision promises.

use hwasm_registry::agent::{FetchResult, PullAction};
use hwasm_registry::oci::{Digest, media_type};
use hwasm_registry::plugin::PullPolicy;
use hwasm_registry::policy::Pull;

use super::world::{World, module};

/// Successive calls on one agent; from the fourth on, the URL leads to another module.
const TABLE: &str = "
    sha256 | URL           | policy       | first  | same RV | new RV | moved, same | moved, new | other
    no     | :v1           | unset        | MB old | - old   | - old  | - old       | - old      | - old
    no     | :v1           | IfNotPresent | MB old | - old   | - old  | - old       | - old      | - old
    no     | :v1           | Always       | MB old | - old   | M old  | - old       | MB new     | M new
    no     | :latest       | unset        | MB old | - old   | M old  | - old       | MB new     | M new
    no     | :latest       | IfNotPresent | MB old | - old   | - old  | - old       | - old      | - old
    no     | :latest       | Always       | MB old | - old   | M old  | - old       | MB new     | M new
    no     |               | unset        | MB old | - old   | M old  | - old       | MB new     | M new
    no     |               | IfNotPresent | MB old | - old   | - old  | - old       | - old      | - old
    no     |               | Always       | MB old | - old   | M old  | - old       | MB new     | M new
    no     | @digest       | any          | MB old | - old   | - old  | - old       | - old      | - old
    no     | :latest@digest | any         | MB old | - old   | - old  | - old       | - old      | - old
    no     | http          | unset        | G old  | - old   | - old  | - old       | - old      | - old
    no     | http          | IfNotPresent | G old  | - old   | - old  | - old       | - old      | - old
    no     | http          | Always       | G old  | - old   | G old  | - old       | G new      | G new
    no     | http:latest   | unset        | G old  | - old   | - old  | - old       | - old      | - old
    no     | http:latest   | Always       | G old  | - old   | G old  | - old       | G new      | G new
    yes    | :v1           | any          | MB old | - old   | - old  | - old       | - old      | - old
    yes    | :latest       | any          | MB old | - old   | - old  | - old       | - old      | - old
    yes    |               | any          | MB old | - old   | - old  | - old       | - old      | - old
    yes    | @digest       | any          | MB old | - old   | - old  | - old       | - old      | - old
    yes    | http          | any          | G old  | - old   | - old  | - old       | - old      | - old
";

struct Row<'a> {
    is_pinned: bool,
    url: &'a str,
    policy: PullPolicy,
    cells: Vec<&'a str>,
}

fn rows() -> Vec<Row<'static>> {
    let lines = TABLE.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let lines = lines.filter(|cells| cells.len() == 9 && cells[0] != "sha256");
    let row = |cells: Vec<&'static str>| {
        let policies = match cells[2] {
            "unset" => vec![PullPolicy::Unspecified],
            "any" => vec![PullPolicy::Unspecified, PullPolicy::IfNotPresent, PullPolicy::Always],
            other => vec![other.parse().unwrap()],
        };
        let row = move |policy| Row {
            is_pinned: cells[0] == "yes",
            url: cells[1],
            policy,
            cells: cells[3..].to_vec(),
        };
        policies.into_iter().map(row).collect::<Vec<_>>()
    };
    lines.flat_map(row).collect()
}

impl Row<'_> {
    async fn play(&self) -> Vec<String> {
        let world = World::start().await;
        let tag = if self.url.starts_with(":v1") { "v1" } else { "latest" };
        let serve = |text: &str| {
            world.serve_file("p.wasm", &module(text));
            world.serve_file("p:latest", &module(text));
            world.serve(tag, &module(text))
        };
        let manifest = serve("old");
        let base = self.pull(&world, &manifest);
        let call = |version: &str| Pull { version: version.to_owned(), ..base.clone() };
        let mut cells = Vec::new();
        for version in ["1", "1", "2"] {
            cells.push(cell(&world, &call(version)).await);
        }
        serve("new");
        for version in ["2", "3"] {
            cells.push(cell(&world, &call(version)).await);
        }
        cells.push(cell(&world, &Pull { resource: "ns.b".to_owned(), ..call("1") }).await);
        cells
    }

    fn pull(&self, world: &World, manifest: &Digest) -> Pull {
        let (pull, given) = match self.url.strip_prefix("http") {
            Some("") => (world.file("p.wasm"), Digest::sha256(&module("old"))),
            Some(_) => (world.file("p:latest"), Digest::sha256(&module("old"))),
            None => (world.image(&self.url.replace("digest", &manifest.to_string())), manifest.clone()),
        };
        Pull { sha256: self.is_pinned.then_some(given), policy: self.policy, ..pull }
    }
}

async fn cell(world: &World, pull: &Pull) -> String {
    let pulled = world.pull(pull).await.unwrap();
    let bytes = std::fs::read(&pulled.path).unwrap();
    assert_eq!(pulled.module, Some(Digest::sha256(&bytes)));
    let runs = ["old", "new"].into_iter().find(|text| module(text) == bytes).unwrap();
    let requests = world.requests();
    let action = match requests.as_str() {
        "" => PullAction::Hit,
        "M" => PullAction::Resolved,
        _ => PullAction::Fetched,
    };
    assert_eq!(pulled.action, action, "{requests}");
    format!("{} {runs}", if requests.is_empty() { "-" } else { &requests })
}

#[tokio::test]
async fn the_registry_sees_what_the_decision_says() {
    for row in rows() {
        let Row { is_pinned, url, policy, .. } = row;
        assert_eq!(row.play().await, row.cells, "`{url}`, sha256: {is_pinned}, {policy}");
    }
}

#[tokio::test]
async fn an_index_leads_to_its_linux_amd64_child_and_can_be_pinned() {
    let world = World::start().await;
    let child = world.serve("child", &module("old"));
    let descriptor = |architecture: &str, digest: &Digest| {
        serde_json::json!({"mediaType": media_type::OCI_MANIFEST, "digest": digest, "size": 1,
            "platform": {"os": "linux", "architecture": architecture}})
    };
    let other = Digest::sha256(b"other");
    let children = [descriptor("arm64", &other), descriptor("amd64", &child)];
    let body = serde_json::json!({"schemaVersion": 2, "manifests": children});
    let kind = media_type::OCI_INDEX;
    let index = world.serve_manifest("v1", kind, &body);
    let pulled = world.pull(&world.image(":v1")).await.unwrap();
    assert_eq!((world.requests().as_str(), pulled.manifest), ("MMB", Some(child)));
    let pinned = world.image(&format!("@{index}"));
    let pulled = world.pull(&pinned).await.unwrap();
    assert_eq!((world.requests().as_str(), pulled.manifest), ("MMB", Some(index)));
    world.pull(&pinned).await.unwrap();
    assert_eq!(world.requests(), "");

    let body = serde_json::json!({"schemaVersion": 2, "manifests": [descriptor("arm64", &other)]});
    world.serve_manifest("v2", kind, &body);
    let error = world.pull(&world.image(":v2")).await.unwrap_err().to_string();
    assert!(error.contains("no manifest for linux/amd64"), "{error}");
}

#[tokio::test]
async fn a_module_by_another_tag_or_in_a_raw_layer_is_not_fetched_twice() {
    let world = World::start().await;
    world.serve("v1", &module("old"));
    world.serve("v2", &module("old"));
    world.pull(&world.image(":v1")).await.unwrap();
    world.pull(&world.image(":v2")).await.unwrap();
    assert_eq!(world.requests(), "MBM");
    world.serve_layer("v3", &module("old"), "application/vnd.module.wasm.content.layer.v1+wasm");
    world.pull(&world.image(":v3")).await.unwrap();
    assert_eq!((world.requests().as_str(), world.modules().len()), ("M", 1));
}

#[tokio::test]
async fn a_failed_always_pull_is_tried_again_at_the_same_version() {
    let world = World::start().await;
    world.serve("v1", &module("old"));
    let always = |version: &str| Pull {
        policy: PullPolicy::Always,
        version: version.to_owned(),
        ..world.image(":v1")
    };
    world.pull(&always("1")).await.unwrap();
    world.serve("v1", &module("new"));
    world.fake.on((http::Method::GET, "/blobs/"), 1, |_| super::fake::status(404));
    assert!(world.pull(&always("2")).await.is_err());
    let pulled = world.pull(&always("2")).await.unwrap();
    assert_eq!(std::fs::read(pulled.path).unwrap(), module("new"));
    assert_eq!(world.requests(), "MBMBMB");
}

#[tokio::test]
async fn a_file_of_the_proxys_container_is_passed_on_and_has_to_be_there() {
    let world = World::start().await;
    let path = world.dir.path().join("local.wasm");
    let local = super::world::pull(&format!("file://{}", path.display()));
    let error = world.pull(&local).await.unwrap_err().to_string();
    assert!(error.contains("local.wasm") && error.contains("cannot be used"), "{error}");
    std::fs::write(&path, module("old")).unwrap();
    let pulled = world.pull(&local).await.unwrap();
    assert_eq!((pulled.path, pulled.action, pulled.module), (path, PullAction::Local, None));
    assert_eq!((world.requests().as_str(), world.modules().len()), ("", 0));
}

#[tokio::test]
async fn what_istio_counts_is_counted() {
    let world = World::start().await;
    world.serve("v1", &module("old"));
    let pull = world.image(":v1");
    world.pull(&pull).await.unwrap();
    world.pull(&pull).await.unwrap();
    world.pull(&world.image(":absent")).await.unwrap_err();
    let wrong = Pull { sha256: Some(Digest::sha256(b"x")), ..world.image(":v1") };
    world.pull(&wrong).await.unwrap_err();
    let metrics = world.puller.metrics();
    assert_eq!((metrics.entries(), metrics.lookups(true), metrics.lookups(false)), (1, 1, 4));
    let fetches = [
        FetchResult::Success,
        FetchResult::ManifestFailure,
        FetchResult::ChecksumMismatched,
        FetchResult::DownloadFailure,
        FetchResult::FetchFailure,
    ];
    assert_eq!(fetches.map(|result| metrics.fetches(result)), [1, 1, 1, 0, 0]);
    let mut registry = prometheus_client::registry::Registry::with_prefix("istio_agent");
    metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "istio_agent_wasm_cache_entries 1",
        "istio_agent_wasm_cache_lookup_count_total{hit=\"true\"} 1",
        "istio_agent_wasm_remote_fetch_count_total{result=\"checksum_mismatched\"} 1",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
