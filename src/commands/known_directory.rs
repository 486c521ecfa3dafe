use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::agent::WatchedDirectory;
use crate::fleet::Fleet;

/// How often the directory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Keeps `fleet` informed of the `WasmPlugin`s of `directory`, or of none, until `stop`.
pub(super) async fn follow(fleet: Fleet, directory: Option<PathBuf>, stop: CancellationToken) {
    let Some(directory) = directory else {
        tell(&fleet, &WatchedDirectory::default()).await;
        return;
    };
    let mut watched = WatchedDirectory::new(directory);
    let mut due = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = due.tick() => {}
        }
        let looking = tokio::task::spawn_blocking(move || {
            let has_changed = watched.look();
            (watched, has_changed)
        });
        let Ok((looked, has_changed)) = looking.await else {
            tracing::error!("the directory of WasmPlugins is not looked at any more");
            return;
        };
        watched = looked;
        if has_changed {
            tell(&fleet, &watched).await;
        }
    }
}

async fn tell(fleet: &Fleet, watched: &WatchedDirectory) {
    if let Err(error) = fleet.know_directory(watched.plugins()).await {
        tracing::warn!(%error, "the WasmPlugins of the directory could not be noted");
    }
}
