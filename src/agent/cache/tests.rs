use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::oci::Digest;
use crate::plugin::PullPolicy;
use crate::policy::{Action, ModuleKey, ModuleName, Pull};

fn at(minutes: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_mins(1_000_000 + minutes)
}

fn limits() -> CacheLimits {
    CacheLimits { grace: Duration::ZERO, ..CacheLimits::default() }
}

fn pull(name: &str) -> Pull {
    Pull {
        url: format!("oci://r.io/{name}:1").parse().unwrap(),
        sha256: None,
        policy: PullPolicy::IfNotPresent,
        resource: name.to_owned(),
        version: "1".to_owned(),
    }
}

/// Puts a module of so many bytes into the cache, as the resource of the same name would.
async fn put(
    cache: &Arc<ModuleCache>,
    name: &str,
    size: usize,
    now: SystemTime,
) -> Result<Digest, CacheError> {
    let bytes = [name.as_bytes(), &vec![0; size - name.len()]].concat();
    let content = Digest::sha256(&bytes);
    let file = cache.partial().unwrap();
    fs::write(file.path(), &bytes).unwrap();
    let staged = Arc::new(Staged::new(content.clone(), size as u64, file));
    let pull = pull(name);
    let key = ModuleKey { name: ModuleName::of(&pull.url), checksum: Digest::sha256(name.as_bytes()) };
    cache.admit(&staged, (&pull, &key), now).await?;
    cache.save().await;
    Ok(content)
}

fn knows(cache: &ModuleCache, name: &str) -> bool {
    matches!(cache.decide(&pull(name), at(0)).action, Action::Hit { .. })
}

fn live(resources: &[&str], modules: &[&Digest]) -> Live {
    Live {
        resources: resources.iter().map(|&name| name.to_owned()).collect(),
        modules: modules.iter().map(|&content| content.clone()).collect(),
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cache = ModuleCache::open(dir.path(), limits()).unwrap();
    let content = put(&cache, "a", 100, at(0)).await.unwrap();
    drop(cache);
    let cache = ModuleCache::open(dir.path(), limits()).unwrap();
    assert!(knows(&cache, "a"));
    let path = cache.find(&content, at(0)).await.unwrap();
    assert_eq!(Digest::sha256(&fs::read(path).unwrap()), content);
    assert_eq!(names(dir.path()), ["index.json", "lock", "modules"]);
}

#[test]
fn two_agents_never_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let held = ModuleCache::open(dir.path(), limits()).unwrap();
    assert!(matches!(ModuleCache::open(dir.path(), limits()), Err(CacheError::InUse { .. })));
    drop(held);
    assert!(ModuleCache::open(dir.path(), limits()).is_ok());
}

#[tokio::test]
async fn what_is_missing_or_damaged_is_forgotten() {
    for (damage, found_at_start) in [
        (None, true),
        (Some(b"short".to_vec()), true),
        // The length is right: only the digest tells, and only when the file is used.
        (Some(vec![7; 100]), false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let cache = ModuleCache::open(dir.path(), limits()).unwrap();
        let content = put(&cache, "a", 100, at(0)).await.unwrap();
        let path = cache.find(&content, at(0)).await.unwrap();
        drop(cache);
        match &damage {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let cache = ModuleCache::open(dir.path(), limits()).unwrap();
        assert_eq!(knows(&cache, "a"), !found_at_start, "{damage:?}");
        assert_eq!(cache.find(&content, at(0)).await, None);
        assert!(!knows(&cache, "a") && !path.exists());
        put(&cache, "a", 100, at(0)).await.unwrap();
        assert!(cache.find(&content, at(0)).await.is_some());
    }
}

#[tokio::test]
async fn a_file_that_vanishes_while_the_agent_runs_is_no_hit() {
    let dir = tempfile::tempdir().unwrap();
    let cache = ModuleCache::open(dir.path(), limits()).unwrap();
    let content = put(&cache, "a", 100, at(0)).await.unwrap();
    fs::remove_file(cache.find(&content, at(0)).await.unwrap()).unwrap();
    assert_eq!(cache.find(&content, at(0)).await, None);
    assert!(!knows(&cache, "a"));
}

#[tokio::test]
async fn what_a_crash_leaves_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let cache = ModuleCache::open(dir.path(), limits()).unwrap();
    put(&cache, "a", 100, at(0)).await.unwrap();
    let kept = names(cache.modules_dir());
    // Killed before the rename, and between the rename and the index.
    for name in [".partial-x", &format!("{}.wasm", "0".repeat(64)), "other"] {
        fs::write(cache.modules_dir().join(name), "x").unwrap();
    }
    drop(cache);
    let cache = ModuleCache::open(dir.path(), limits()).unwrap();
    assert_eq!(names(cache.modules_dir()), kept);
    assert!(knows(&cache, "a"));
}

#[tokio::test]
async fn an_index_that_cannot_be_read_is_set_aside_and_the_files_stay() {
    for index in [b"{".as_slice(), b"", br#"{"version":99}"#, b"\xff"] {
        let dir = tempfile::tempdir().unwrap();
        let cache = ModuleCache::open(dir.path(), limits()).unwrap();
        let content = put(&cache, "a", 100, at(0)).await.unwrap();
        drop(cache);
        fs::write(dir.path().join("index.json"), index).unwrap();
        let cache = ModuleCache::open(dir.path(), limits()).unwrap();
        assert!(!knows(&cache, "a"));
        assert!(cache.find(&content, at(0)).await.is_some(), "who knows the digest finds it");
        assert_eq!(fs::read(dir.path().join("index.unreadable.json")).unwrap(), index);
        let gone = cache.sweep(SystemTime::now() + Duration::from_hours(25)).await;
        assert_eq!((gone.files, gone.bytes), (1, 100), "nobody came for it");
    }
}

#[tokio::test]
async fn a_sweep_removes_what_is_idle_and_never_what_is_live() {
    let dir = tempfile::tempdir().unwrap();
    let cache = ModuleCache::open(dir.path(), limits()).unwrap();
    let mut contents = Vec::new();
    for name in ["run", "served", "idle"] {
        contents.push(put(&cache, name, 100, at(0)).await.unwrap());
    }
    let days = |days: u64| at(days * 24 * 60 + 1);
    assert_eq!(cache.sweep(days(30)).await, Swept::default(), "nobody has said what is live");
    cache.set_live(live(&["run"], &[&contents[1]]));
    assert_eq!(cache.sweep(days(31)).await, Swept { modules: 1, files: 1, bytes: 100 });
    assert!(knows(&cache, "run") && knows(&cache, "served") && !knows(&cache, "idle"));
    cache.set_live(live(&[], &[]));
    assert_eq!(cache.sweep(days(60)).await, Swept { modules: 2, files: 2, bytes: 200 });
    assert_eq!(names(cache.modules_dir()), Vec::<String>::new());
    drop(cache);
    assert_eq!(ModuleCache::open(dir.path(), limits()).unwrap().size(), (0, 0));
}

#[tokio::test]
async fn the_least_recently_used_makes_room_and_live_modules_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let cache = ModuleCache::open(dir.path(), CacheLimits { total_bytes: 300, ..limits() }).unwrap();
    cache.set_live(live(&["a", "d"], &[]));
    for (minute, name) in ["a", "b", "c"].into_iter().enumerate() {
        put(&cache, name, 100, at(minute as u64)).await.unwrap();
    }
    put(&cache, "d", 100, at(10)).await.unwrap();
    assert_eq!(["a", "b", "c", "d"].map(|name| knows(&cache, name)), [true, false, true, true]);
    assert_eq!(cache.size(), (3, 300));
    let full = put(&cache, "e", 200, at(20)).await.unwrap_err();
    assert_eq!(full.to_string(), "no room for a module of 200 bytes: live modules take up the cache's 300");
    assert_eq!((knows(&cache, "c"), names(cache.modules_dir()).len()), (true, 3));
}

#[tokio::test]
async fn what_was_just_used_is_live_before_anybody_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let grace = Duration::from_mins(5);
    let limits = CacheLimits { total_bytes: 150, expiry: Duration::ZERO, grace };
    let cache = ModuleCache::open(dir.path(), limits).unwrap();
    cache.set_live(Live::default());
    put(&cache, "a", 100, at(0)).await.unwrap();
    assert!(put(&cache, "b", 100, at(4)).await.is_err());
    assert_eq!(cache.sweep(at(4)).await, Swept::default());
    assert_eq!(cache.sweep(at(6)).await.files, 1);
}

#[tokio::test]
async fn the_index_does_not_grow_without_bound() {
    use crate::policy::Change;
    let dir = tempfile::tempdir().unwrap();
    let cache = ModuleCache::open(dir.path(), limits()).unwrap();
    put(&cache, "a", 100, at(0)).await.unwrap();
    cache.set_live(live(&["a"], &[]));
    let key = ModuleKey { name: ModuleName::of(&pull("a").url), checksum: Digest::sha256(b"a") };
    let urls = (0..CacheLimits::URLS + 50).map(|n| format!("oci://r.io/a:v{n}"));
    let changes = urls.flat_map(|url| {
        let (resource, version, key) = (url.clone(), "1".to_owned(), key.clone());
        [
            Change::Tagged { url: url.clone(), checksum: key.checksum.clone() },
            Change::Referenced { key: key.clone(), url: url.clone() },
            Change::Runs { resource, version, url, key },
        ]
    });
    cache.apply(changes.collect());
    cache.sweep(at(1)).await;
    {
        let state = cache.state();
        assert_eq!(state.known.resources().count(), 1);
        assert_eq!(state.known.tags().count(), CacheLimits::URLS);
        let module = state.known.module(&key).unwrap();
        assert_eq!((module.referencing.len(), module.last_used), (CacheLimits::URLS, at(0)));
    }
    assert!(knows(&cache, "a"));
}

#[tokio::test]
async fn a_file_that_is_doubted_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let cache = ModuleCache::open(dir.path(), limits()).unwrap();
    let content = put(&cache, "a", 100, at(0)).await.unwrap();
    assert!(cache.check_again(&content).await);
    let path = cache.find(&content, at(1)).await.unwrap();
    fs::write(&path, [7; 100]).unwrap();
    assert!(cache.find(&content, at(2)).await.is_some(), "without a doubt its length is enough");
    assert!(!cache.check_again(&content).await);
    assert_eq!((knows(&cache, "a"), path.exists()), (false, false));
    assert!(!cache.check_again(&content).await, "it is not there");
    assert_eq!(put(&cache, "a", 100, at(3)).await.unwrap(), content);
    assert!(cache.check_again(&content).await);
}

#[tokio::test]
async fn one_who_admits_what_another_admitted_needs_no_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let cache = ModuleCache::open(dir.path(), limits()).unwrap();
    let first = put(&cache, "a", 100, at(0)).await.unwrap();
    let present = Arc::new(Staged::present(first.clone(), 100));
    let key = ModuleKey { name: ModuleName::of(&pull("b").url), checksum: Digest::sha256(b"b") };
    cache.admit(&present, (&pull("b"), &key), at(0)).await.unwrap();
    assert_eq!(cache.size(), (2, 100));
    let lost = Arc::new(Staged::present(Digest::sha256(b"never seen"), 10));
    let error = cache.admit(&lost, (&pull("c"), &key), at(0)).await.unwrap_err();
    assert!(matches!(error, CacheError::Lost { .. }), "{error}");
}
