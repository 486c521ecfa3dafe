//! A private module is for those whose own secret gets it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use hwasm_registry::agent::{PullAction, PullError, PullSecret, PullSecretError, PullSecrets};
use hwasm_registry::policy::Pull;

use super::fake::{status, with_headers};
use super::world::{World, module};

fn secret(host: &str, user: &str) -> PullSecret {
    let auth = STANDARD.encode(format!("{user}:pw"));
    let json = serde_json::json!({"auths": {host: {"auth": auth}}}).to_string();
    PullSecret::parse(user, json.as_bytes()).unwrap()
}

/// A registry that knows `ada` and `eve`, and nobody else.
async fn private() -> World {
    let world = World::start().await;
    let known = ["ada", "eve"].map(|user| format!("Basic {}", STANDARD.encode(format!("{user}:pw"))));
    for method in [Method::GET, Method::HEAD] {
        let (known, is_down) = (known.clone(), Arc::clone(&world.is_down));
        world.fake.on((method, "/v2/"), usize::MAX, move |seen| {
            if *is_down.lock().unwrap() {
                return status(503);
            }
            let shown = seen.header("authorization").unwrap_or_default().to_owned();
            let refused = || with_headers(401, &[("www-authenticate", "Basic realm=\"r\"")]);
            (!known.contains(&shown)).then(refused)
        });
    }
    world.serve("v1", &module("old"));
    world
}

fn of(world: &World, resource: &str) -> Pull {
    Pull { resource: resource.to_owned(), ..world.image(":v1") }
}

#[tokio::test]
async fn a_private_module_is_not_handed_to_one_who_could_not_fetch_it() {
    let world = private().await;
    let host = world.fake.host.as_str();
    let (ada, eve, mallory) = (secret(host, "ada"), secret(host, "eve"), secret(host, "mallory"));
    let elsewhere = secret("elsewhere.io", "ada");
    let pull = |resource, secret| {
        let pull = of(&world, resource);
        let puller = &world.puller;
        async move { puller.pull(&pull, secret).await }
    };
    assert_eq!(pull("ns.a", Some(&ada)).await.unwrap().action, PullAction::Fetched);
    world.requests();
    // Once as a plugin that is new, once as one that asks again.
    for _ in 0..2 {
        for (resource, secret) in [("ns.b", None), ("ns.c", Some(&mallory)), ("ns.d", Some(&elsewhere))] {
            let error = pull(resource, secret).await.unwrap_err();
            assert!(matches!(error, PullError::Denied(_)), "{resource}: {error}");
            let looks = world.requests();
            assert!(!looks.is_empty() && looks.chars().all(|letter| letter == 'H'), "{resource}: {looks}");
        }
    }
    assert_eq!(pull("ns.a", Some(&ada)).await.unwrap().action, PullAction::Hit);
    assert_eq!(world.requests(), "", "who fetched it is not asked again");
    assert_eq!(pull("ns.e", Some(&eve)).await.unwrap().action, PullAction::Hit);
    assert!(world.requests().starts_with('H'));
    assert_eq!(pull("ns.f", Some(&eve)).await.unwrap().action, PullAction::Hit);
    assert_eq!(world.requests(), "", "what the registry said is kept");

    let world = world.restarted();
    for secret in [&ada, &eve] {
        let pulled = world.puller.pull(&of(&world, "ns.a"), Some(secret)).await.unwrap();
        assert_eq!((pulled.action, world.requests().as_str()), (PullAction::Hit, ""));
    }
    assert!(world.puller.pull(&of(&world, "ns.a"), None).await.is_err());
    // The same resource without the secret, or with another: what it ran before is not its own any more.
    for (secret, allowed) in [(None, false), (Some(&mallory), false), (Some(&ada), true), (Some(&eve), true)]
    {
        let good = world.puller.last_good(&of(&world, "ns.a"), secret).await;
        assert_eq!(good.is_some(), allowed);
    }
    let index = std::fs::read_to_string(world.dir.path().join("index.json")).unwrap();
    for told in ["pw", &STANDARD.encode("ada:pw")] {
        assert!(!index.contains(told), "{index}");
    }
}

/// The same world after a restart, for which every look that was taken is so many hours old.
fn hours_later(world: World, hours: u64) -> World {
    let index = world.dir.path().join("index.json");
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&index).unwrap()).unwrap();
    for module in json["modules"].as_array_mut().unwrap() {
        for grant in module["granted"].as_array_mut().unwrap() {
            grant["atMs"] = (grant["atMs"].as_u64().unwrap() - hours * 3_600_000).into();
        }
    }
    std::fs::write(&index, json.to_string()).unwrap();
    world.restarted()
}

#[tokio::test]
async fn what_the_registry_said_is_asked_again_and_counts_a_while_longer_if_it_is_down() {
    for (hours, is_down, expected) in [
        (2, false, (true, true)),
        (2, true, (false, true)),
        (25, false, (true, true)),
        (25, true, (false, false)),
    ] {
        let world = private().await;
        let host = world.fake.host.as_str();
        let (ada, eve) = (secret(host, "ada"), secret(host, "eve"));
        let (a, b) = (of(&world, "ns.a"), of(&world, "ns.b"));
        world.puller.pull(&a, Some(&ada)).await.unwrap();
        world.puller.pull(&b, Some(&eve)).await.unwrap();
        let world = hours_later(world, hours);
        world.requests();
        if is_down {
            *world.is_down.lock().unwrap() = true;
        }
        let pulled = world.puller.pull(&b, Some(&eve)).await;
        let was_asked = !is_down && world.requests().contains('H');
        assert_eq!((was_asked, pulled.is_ok()), expected, "{hours} h, down: {is_down}");
        assert!(world.puller.pull(&a, Some(&ada)).await.is_ok(), "who fetched it needs nobody's word");
    }
}

#[tokio::test]
async fn others_do_not_join_a_download_that_is_not_theirs() {
    let world = private().await;
    let host = world.fake.host.as_str();
    let (ada, mallory) = (secret(host, "ada"), secret(host, "mallory"));
    let (a, b) = (of(&world, "ns.a"), of(&world, "ns.b"));
    let pulls = tokio::join!(world.puller.pull(&a, Some(&ada)), world.puller.pull(&b, Some(&mallory)));
    assert!(pulls.0.is_ok() && pulls.1.is_err());
}

#[tokio::test]
async fn a_public_module_is_everybodys() {
    let world = World::start().await;
    world.serve("v1", &module("old"));
    let ada = secret(world.fake.host.as_str(), "ada");
    world.puller.pull(&of(&world, "ns.a"), Some(&ada)).await.unwrap();
    world.requests();
    let pulled = world.puller.pull(&of(&world, "ns.b"), None).await.unwrap();
    assert_eq!((pulled.action, world.requests().as_str()), (PullAction::Hit, ""));
}

#[tokio::test]
async fn a_secret_that_is_named_and_missing_is_an_error_before_anything_is_asked() {
    let secrets = PullSecrets::default();
    let error = secrets.find(Some("ns"), "team").unwrap_err();
    assert_eq!(error, PullSecretError::Missing("team".to_owned()));
    assert!(PullError::from(error).to_string().contains("`team` is not there"));
}
