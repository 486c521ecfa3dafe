//! What an agent still has after it was stopped, or killed.

use hwasm_registry::agent::PullAction;
use hwasm_registry::plugin::PullPolicy;
use hwasm_registry::policy::Pull;

use super::world::{World, module};

#[tokio::test]
async fn after_a_restart_the_registry_may_be_down() {
    for policy in [PullPolicy::IfNotPresent, PullPolicy::Always] {
        let world = World::start().await;
        world.serve("v1", &module("old"));
        world.serve_file("p.wasm", &module("file"));
        let image = Pull { policy, ..world.image(":v1") };
        let newcomer = Pull { resource: "ns.b".to_owned(), ..image.clone() };
        let file = Pull { policy, resource: "ns.c".to_owned(), ..world.file("p.wasm") };
        let pulls = [image, newcomer, file];
        for pull in &pulls {
            world.pull(pull).await.unwrap();
        }
        let world = world.restarted();
        world.requests();
        world.fake.on((http::Method::GET, "/"), usize::MAX, |_| super::fake::silence());
        world.fake.on((http::Method::HEAD, "/"), usize::MAX, |_| super::fake::silence());
        for pull in &pulls {
            assert_eq!(world.pull(pull).await.unwrap().action, PullAction::Hit, "{policy}, {}", pull.url);
        }
        assert_eq!(world.requests(), "");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_or_damaged_is_fetched_again() {
    for damage in [None, Some(b"x".to_vec()), Some(module("OLD"))] {
        let world = World::start().await;
        world.serve("v1", &module("old"));
        let pull = world.image(":v1");
        let path = world.pull(&pull).await.unwrap().path;
        assert_eq!(module("OLD").len(), module("old").len());
        match damage {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let world = world.restarted();
        world.requests();
        let pulled = world.pull(&pull).await.unwrap();
        assert_eq!((pulled.action, world.requests().as_str()), (PullAction::Fetched, "MB"));
        assert_eq!(std::fs::read(&path).unwrap(), module("old"));
    }
}

#[tokio::test]
async fn what_a_plugin_ran_before_serves_on_where_a_new_version_cannot_be_asked_for() {
    // A URL without a tag, as one with.
    for reference in [":v1", ""] {
        let world = World::start().await;
        world.serve("v1", &module("old"));
        world.serve("latest", &module("old"));
        let always = Pull { policy: PullPolicy::Always, ..world.image(reference) };
        world.pull(&always).await.unwrap();
        let world = world.restarted();
        world.fake.on((http::Method::GET, "/"), usize::MAX, |_| super::fake::silence());
        let changed = Pull { version: "2".to_owned(), ..always.clone() };
        assert!(world.pull(&changed).await.is_err());
        let good = world.puller.last_good(&changed, None).await.unwrap();
        assert_eq!(std::fs::read(good.path).unwrap(), module("old"));
        let other = Pull { resource: "ns.b".to_owned(), ..changed };
        assert_eq!(world.puller.last_good(&other, None).await, None);
    }
}
