use std::path::Path;
use std::sync::Mutex;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::agent::{Limits, Live, PluginDelivery, PluginState, PullAction, PullSecret, PullSecretError};
use crate::gateway::GatewaySettings;
use crate::policy::Reason;

/// A keeper at work on a directory of its own, with a registry that is played.
struct Play {
    directory: tempfile::TempDir,
    status: StatusReader,
    tell: mpsc::Sender<Moved>,
    watched: watch::Receiver<Vec<Watched>>,
    /// The URLs that were pulled, in order.
    pulled: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Play {
    fn begin() -> Self {
        let (tell, moved) = mpsc::channel(1);
        let directory = tempfile::tempdir().unwrap();
        let line = Line::default();
        let keeper = Keeper::new(Keeping {
            installation: Installation::plain(line, GatewaySettings::default()),
            directory: WatchedDirectory::new(directory.path().to_owned()),
            publisher: Publisher::new(line),
            envoys: Envoys::new(&Limits::default(), Arc::new(SystemTime::now)),
            moved,
            on_failed_pull: OnFailedPull::default(),
        });
        let (status, watched, stop) = (keeper.status(), keeper.watched(), CancellationToken::new());
        let pulled = Arc::new(Mutex::new(Vec::new()));
        let played = Played { pulled: Arc::clone(&pulled) };
        let running = tokio::spawn(keeper.run(played, stop.clone().cancelled_owned()));
        Self { directory, status, tell, watched, pulled, stop, running }
    }

    fn write(&self, name: &str, spec: &str) {
        let text = format!(
            "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: {name}}}\nspec: {spec}\n"
        );
        std::fs::write(self.directory.path().join(format!("{name}.yaml")), text).unwrap();
    }

    /// The state of each plugin, by name, once it is `expected`.
    async fn becomes(&self, expected: &[(&str, PluginState)]) {
        for _ in 0..200 {
            let now = self.status.read();
            let states: Vec<(&str, PluginState)> =
                now.plugins.iter().map(|plugin| (plugin.plugin.name.as_str(), plugin.plugin.state)).collect();
            if states == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("expected {expected:?}, found {:#?}", self.status.read());
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

/// Modules that are not there.
struct Played {
    pulled: Arc<Mutex<Vec<String>>>,
}

impl Modules for Played {
    fn pull(
        &self,
        pull: Pull,
        _: Option<Result<PullSecret, PullSecretError>>,
    ) -> impl Future<Output = Result<Pulled, FailedPull>> + Send + 'static {
        self.pulled.lock().unwrap().push(pull.url.to_string());
        answer(pull.url.as_str().to_owned())
    }

    fn is_sound(&self, _: Digest) -> impl Future<Output = bool> + Send + 'static {
        std::future::ready(true)
    }

    fn keep(&self, _: Live) {}
}

/// What the played registry has: everything but what is called `absent`, and what panics.
#[expect(clippy::unused_async, reason = "it stands in for a download")]
async fn answer(url: String) -> Result<Pulled, FailedPull> {
    assert!(!url.contains("panic"), "expected by the test");
    if url.contains("absent") {
        return Err(FailedPull {
            reason: "there is no such image".to_owned(),
            last_good: None,
            retry_after: None,
        });
    }
    let path = Path::new("/modules").join(url.replace('/', "_"));
    let (action, reason) = (PullAction::Fetched, Reason::FirstPull);
    Ok(Pulled { path, module: None, manifest: None, action, reason })
}

#[tokio::test]
async fn files_come_change_and_go_and_the_plugins_follow() {
    let play = Play::begin();
    play.write("a", "{url: 'oci://r.io/a:1', priority: 2}");
    play.becomes(&[("a", PluginState::Current)]).await;
    play.write("b", "{url: 'oci://r.io/b:1', priority: 3}");
    play.becomes(&[("b", PluginState::Current), ("a", PluginState::Current)]).await;
    play.write("a", "{url: 'oci://r.io/a:22', priority: 2}");
    play.becomes(&[("b", PluginState::Current), ("a", PluginState::Current)]).await;
    std::fs::remove_file(play.directory.path().join("b.yaml")).unwrap();
    play.becomes(&[("a", PluginState::Current)]).await;
    play.end().await;
}

#[tokio::test]
async fn one_bad_plugin_holds_up_no_other() {
    let play = Play::begin();
    play.write("a", "{url: 'oci://r.io/absent:1'}");
    play.write("b", "{url: 'oci://r.io/panic:1'}");
    play.write("c", "{url: 'oci://r.io/c:1'}");
    std::fs::write(play.directory.path().join("d.yaml"), "a: [").unwrap();
    play.becomes(&[("a", PluginState::Failing), ("b", PluginState::Failing), ("c", PluginState::Current)])
        .await;
    let status = play.status.read();
    assert_eq!(status.files.len(), 1);
    assert_eq!(status.plugins[0].envoys, PluginDelivery::default(), "no Envoy is there");
    assert_eq!(status.plugins[0].plugin.last_pull.as_ref().unwrap().outcome, "there is no such image");
    play.end().await;
}

#[tokio::test]
async fn what_has_moved_is_resolved_again_if_it_is_watched() {
    let mut play = Play::begin();
    play.write("a", "{url: 'oci://r.io/a:1', imagePullPolicy: Always}");
    play.write("b", "{url: 'oci://r.io/b:1'}");
    play.becomes(&[("a", PluginState::Current), ("b", PluginState::Current)]).await;
    let watched = play.watched.wait_for(|watched| !watched.is_empty()).await.unwrap().clone();
    assert_eq!(
        watched.iter().map(|watched| watched.pull.url.as_str()).collect::<Vec<_>>(),
        ["oci://r.io/a:1"]
    );
    for plugin in play.status.read().plugins {
        play.tell.send(Moved { resource: plugin.plugin.resource, names: None }).await.unwrap();
    }
    for _ in 0..100 {
        if play.pulled.lock().unwrap().len() > 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let pulled = play.pulled.lock().unwrap().clone();
    let count = |url: &str| pulled.iter().filter(|pulled| *pulled == url).count();
    assert_eq!((count("oci://r.io/a:1"), count("oci://r.io/b:1")), (2, 1), "{pulled:?}");
    play.end().await;
}
