use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use reqwest::{Method, header};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Image, Server, Setup, eventually, module, packed_with_spec, run_sql, temporary_dir};
use crate::webhooks::{Answer, Receiver, entry_with};

const CONTROLLED: &str = include_str!("../../../src/gateway/convert/testdata/custom-response.yaml");
const SPEC: &str = "\
info: {name: a, version: 1.0.0}
spec:
  phase: AUTHN
  priority: 310
  configSchema:
    openAPIV3Schema:
      type: object
      required: [keys]
      properties:
        keys: {type: array, items: {type: string}, default: [x-api-key]}
";

/// A dead letter of events that are kept no more; it comes after those of events.
const LOST: &str = "\
INSERT INTO dead_letters (id, webhook, died_us, attempts, error, lost, event_id)
VALUES (1000, 'ci', 0, 0, '7 events were kept no more when it was their turn', 7, 7)";

/// Servers that have something to tell of everything, and of nothing.
pub(super) struct World {
    /// Images, tags that moved and went, agents that pulled and reported, a plugin that it was told of, and a directory.
    ///
    /// The first dead letters of its webhook `ci` are a manifest, which is taken when it comes again, and a tag, which never
    /// is; 1000 is of lost events. Its webhook `away` waits.
    pub(super) rich: Server,
    /// Keeps nothing of agents and plugins.
    pub(super) poor: Server,
    /// What `plugins/a:v1` named before.
    pub(super) old: Image,
    /// What it names.
    pub(super) new: Image,
    _directory: TempDir,
    _receiver: Receiver,
}

impl World {
    pub(super) async fn start() -> Self {
        let directory = temporary_dir();
        std::fs::write(directory.path().join("a.yaml"), CONTROLLED).expect("a temporary file can be written");
        let wasmplugins = Some(directory.path().to_owned());
        let receiver = receiver().await;
        let rich = Setup::new()
            .gateway(|gateway| gateway.wasmplugins = wasmplugins)
            .webhook(entry_with("ci", receiver.address, &json!({ "max_attempts": 1 })))
            .webhook(entry_with(
                "away",
                Receiver::nowhere().await,
                &json!({ "first_pause": "1h", "longest_pause": "1h" }),
            ))
            .start()
            .await;
        let poor = Setup::new().fleet(|fleet| (fleet.enabled, fleet.max_plugins) = (false, 0)).start().await;
        let [old, new] = [1, 2].map(|seed| packed_with_spec(&module(seed), SPEC));
        let world = Self { rich, poor, old, new, _directory: directory, _receiver: receiver };
        world.move_tags().await;
        world.report().await;
        world.tell().await;
        world
    }

    /// Agents and others pull, and then the tag moves.
    async fn move_tags(&self) {
        let Self { rich, old, new, .. } = self;
        for tag in ["v1", "1.0.0"] {
            rich.push("plugins/a", tag, old).await;
        }
        let go = "go-containerregistry/v0.21.6";
        for (user_agent, node) in
            [("hwasm-registry/0.1.0", Some("gw-1")), (go, None), ("crane/v0.22.1", None)]
        {
            self.pull(user_agent, node).await;
        }
        rich.get("/plugins/a/1.0.0/plugin.wasm").await.bytes().await.expect("a module");
        let have_pulled = async || {
            let page = rich.json("/api/v1/fleet?reference=v1").await;
            let rows = page["agents"].as_array().expect("rows");
            rows.iter().filter(|row| row["fetches"].as_u64() > Some(0)).count() == 3
        };
        eventually("three clients have pulled", have_pulled).await;
        rich.push("plugins/a", "v1", new).await;
        let gone = Image::new(3);
        rich.push("plugins/a", "gone", &gone).await;
        for reference in ["gone", &gone.digest] {
            let path = format!("/v2/plugins/a/manifests/{reference}");
            assert_eq!(rich.delete(&path).await.status(), 202, "{reference}");
        }
    }

    async fn pull(&self, user_agent: &str, node: Option<&str>) {
        let get = async |path: String| {
            let mut request = self.rich.request(Method::GET, &path).header(header::USER_AGENT, user_agent);
            if let Some(node) = node {
                request = request.header("hwasm-node-id", node);
            }
            request.send().await.expect("an answer").bytes().await.expect("a body")
        };
        let manifest = get("/v2/plugins/a/manifests/v1".to_owned()).await;
        let manifest: Value = serde_json::from_slice(&manifest).expect("a manifest");
        for layer in manifest["layers"].as_array().expect("layers") {
            let digest = layer["digest"].as_str().expect("a digest");
            get(format!("/v2/plugins/a/blobs/{digest}")).await;
        }
    }

    async fn report(&self) {
        let report = self.status_report().to_string();
        assert_eq!(self.rich.post("/api/v1/agents/gw-1/status", report).await.status(), 200);
        let plugin = plugin("a", "oci://reg.io/plugins/a:v1");
        assert_eq!(self.rich.put("/api/v1/wasmplugins/higress-system/a", plugin).await.status(), 200);
    }

    /// Both webhooks have done what they can.
    async fn tell(&self) {
        let have_told = async || {
            let list = self.rich.json("/api/v1/webhooks").await;
            list["webhooks"][0]["pending"] == 0 && list["webhooks"][1]["nextAttempt"].is_string()
        };
        eventually("the webhooks have told of everything", have_told).await;
        run_sql(self.rich.data_dir(), LOST).await;
    }

    /// What an agent says that runs one plugin, refuses the next, and has the third from elsewhere.
    pub(super) fn status_report(&self) -> Value {
        let (url, wanted) = ("oci://reg.io/plugins/a:v1", &self.new.digest);
        json!({ "leaseSecs": 600, "watches": true, "plugins": [
            { "namespace": "higress-system", "name": "a", "url": url, "imagePullPolicy": "Always",
              "wanted": wanted, "running": self.old.digest },
            { "namespace": "higress-system", "name": "b", "url": url, "imagePullPolicy": "", "sha256": "",
              "wanted": wanted, "running": null, "refused": "the module exports no `proxy_abi_version_*`" },
            { "name": "c", "url": "file:///opt/c.wasm" },
        ]})
    }
}

/// One that takes no manifest at first, no tag that moves, and everything else.
async fn receiver() -> Receiver {
    let manifests = Mutex::new(HashSet::new());
    Receiver::answering(move |delivery| {
        let is_refused = match delivery.event["data"]["type"].as_str() {
            Some("manifest-pushed") => {
                manifests.lock().unwrap_or_else(PoisonError::into_inner).insert(delivery.id())
            }
            kind => kind == Some("tag-moved"),
        };
        Answer::Status(if is_refused { 500 } else { 200 })
    })
    .await
}

/// A resource in Higress's form.
pub(super) fn plugin(name: &str, url: &str) -> String {
    format!(
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: {name}}}\n\
         spec: {{url: '{url}', imagePullPolicy: Always, phase: AUTHN, priority: 310}}\n"
    )
}
