//! An agent that is killed at any moment leaves a directory that the next one can use.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hwasm_registry::agent::{CacheLimits, Live, ModuleCache, PullAction, Puller};
use hwasm_registry::oci::Digest;

use super::world::{World, module, options};

/// Names the directory, in the process that is to be killed.
const DIRECTORY: &str = "HWASM_TEST_CRASH_DIRECTORY";

/// Pulls one module after another, and sweeps between them, until it is killed.
#[tokio::test]
#[ignore = "it never ends: the other test runs it, and kills it"]
async fn victim() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let limits = CacheLimits { total_bytes: 20_000, grace: Duration::ZERO, ..CacheLimits::default() };
    let cache = ModuleCache::open(Path::new(&dir), limits).unwrap();
    cache.set_live(Live::default());
    let (world, puller) = (World::start().await, Puller::new(cache, options()));
    for n in 0_u64.. {
        world.serve(&format!("v{n}"), &module(&format!("{n} {}", "x".repeat(2000))));
        puller.pull(&world.image(&format!(":v{n}")), None).await.unwrap();
        puller.sweep().await;
    }
}

fn start(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::victim", "--ignored"])
        .env(DIRECTORY, dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn whatever_a_kill_leaves_is_whole_or_removed() {
    let world = World::start().await;
    world.serve("v1", &module("old"));
    let dir = tempfile::tempdir().unwrap();
    let mut files = 0;
    for round in 0..8 {
        let mut victim = start(dir.path());
        tokio::time::sleep(Duration::from_millis(150 + round * 23)).await;
        victim.kill().unwrap();
        victim.wait().unwrap();
        let cache = ModuleCache::open(dir.path(), CacheLimits::default()).unwrap();
        assert!(!dir.path().join("index.unreadable.json").exists());
        for entry in std::fs::read_dir(cache.modules_dir()).unwrap() {
            let path = entry.unwrap().path();
            let digest = Digest::sha256(&std::fs::read(&path).unwrap());
            assert_eq!(path.file_name().unwrap().to_str().unwrap(), format!("{}.wasm", digest.hex()));
            files += 1;
        }
        let pulled = Puller::new(cache, options()).pull(&world.image(":v1"), None).await.unwrap();
        assert!(matches!(pulled.action, PullAction::Fetched | PullAction::Hit));
    }
    assert!(files > 0, "it was killed before it did anything");
}
