//! One download, however many ask at once.

use std::time::Duration;

use futures_util::future::join_all;
use hwasm_registry::agent::PullAction;
use hwasm_registry::plugin::PullPolicy;
use hwasm_registry::policy::Pull;

use super::world::{World, module};

fn plugins(pull: &Pull, count: usize) -> Vec<Pull> {
    (0..count).map(|n| Pull { resource: format!("ns.{n}"), ..pull.clone() }).collect()
}

#[tokio::test]
async fn fifty_pulls_make_one_manifest_and_one_blob() {
    let world = World::start().await;
    world.serve("v1", &module("old"));
    let pulls = plugins(&world.image(":v1"), 50);
    let pulled = join_all(pulls.iter().map(|pull| world.pull(pull))).await;
    assert_eq!(world.requests(), "MB");
    let paths: Vec<_> = pulled.into_iter().map(|pulled| pulled.unwrap().path).collect();
    assert!(paths.iter().all(|path| *path == paths[0]));
    assert_eq!(world.modules(), paths[..1]);
    // Each of them is remembered as a resource of its own.
    for pull in &pulls {
        assert_eq!(world.pull(pull).await.unwrap().action, PullAction::Hit);
    }
    assert_eq!(world.requests(), "");
}

#[tokio::test]
async fn fifty_pulls_of_a_file_make_one_request() {
    let world = World::start().await;
    world.serve_file("p.wasm", &module("old"));
    let pulls = plugins(&world.file("p.wasm"), 50);
    let pulled = join_all(pulls.iter().map(|pull| world.pull(pull))).await;
    assert!(pulled.iter().all(Result::is_ok));
    assert_eq!((world.requests().as_str(), world.modules().len()), ("G", 1));
}

#[tokio::test]
async fn under_always_nobody_hears_an_answer_to_an_older_question() {
    let world = World::start().await;
    world.serve("v1", &module("old"));
    let always = Pull { policy: PullPolicy::Always, ..world.image(":v1") };
    let pulls = plugins(&always, 50);
    let pulled = join_all(pulls.iter().map(|pull| world.pull(pull))).await;
    assert!(pulled.iter().all(Result::is_ok));
    let requests = world.requests();
    let count = |letter| requests.matches(letter).count();
    assert_eq!(
        (count('M'), count('B')),
        (2, 1),
        "one manifest for the first, one for all who came meanwhile"
    );
}

#[tokio::test]
async fn one_who_gives_up_disturbs_nobody_and_leaves_nothing() {
    let world = World::start().await;
    world.serve("v1", &module("old"));
    let pulls = plugins(&world.image(":v1"), 2);
    let impatient = tokio::time::timeout(Duration::ZERO, world.pull(&pulls[0]));
    let (impatient, patient) = tokio::join!(impatient, world.pull(&pulls[1]));
    assert!(impatient.is_err() && patient.is_ok());
    assert_eq!((world.requests().as_str(), world.modules().len()), ("MB", 1));

    let world = World::start().await;
    world.serve("v1", &module("old"));
    for millis in 0..20 {
        let pull = world.image(":v1");
        let _ = tokio::time::timeout(Duration::from_millis(millis), world.pull(&pull)).await;
    }
    world.pull(&world.image(":v1")).await.unwrap();
    // What unpacks on a thread of its own ends a little later than who asked for it.
    for _ in 0..500 {
        if world.modules().len() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("left behind: {:?}", world.modules());
}
