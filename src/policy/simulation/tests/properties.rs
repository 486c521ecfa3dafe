use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::oci::Digest;
use crate::policy::Endpoint;

const URLS: [&str; 7] = [
    TAG,
    OTHER_TAG,
    "oci://reg.io/p:latest",
    "oci://reg.io/p",
    "oci://other.io/p:v1",
    "https://h.io/p.wasm",
    "file:///opt/p.wasm",
];

const RESOURCES: [&str; 3] = ["a", "b", "c"];

fn flavours() -> impl Strategy<Value = Flavour> {
    prop::sample::select(Flavour::ALL.to_vec())
}

fn policies() -> impl Strategy<Value = PullPolicy> {
    prop::sample::select(vec![PullPolicy::Unspecified, PullPolicy::IfNotPresent, PullPolicy::Always])
}

fn images() -> impl Strategy<Value = FakeImage> {
    (0..4_u8, any::<bool>()).prop_map(|(module, in_index)| {
        let image = FakeImage::of(&[module]);
        if in_index { image.in_index() } else { image }
    })
}

fn urls() -> impl Strategy<Value = ModuleUrl> {
    let tagged = prop::sample::select(URLS.to_vec()).prop_map(url);
    let pinned = images().prop_map(|image| {
        let digest = image.index.unwrap_or(image.manifest);
        url(&format!("oci://reg.io/p@{digest}"))
    });
    prop_oneof![4 => tagged, 1 => pinned]
}

fn pulls() -> impl Strategy<Value = Pull> {
    let sha256 = prop::option::weighted(0.2, images().prop_map(|image| image.manifest));
    let resource = prop::sample::select(RESOURCES.to_vec());
    let version = prop::sample::select(vec!["", "1", "2", "3"]);
    (urls(), sha256, policies(), resource, version).prop_map(|(url, sha256, policy, resource, version)| {
        Pull { url, sha256, policy, resource: resource.to_owned(), version: version.to_owned() }
    })
}

fn outside() -> impl Strategy<Value = Event> {
    let endpoint = prop::sample::select(vec![
        None,
        Some(Endpoint::Ping),
        Some(Endpoint::Manifest),
        Some(Endpoint::Blob),
    ]);
    prop_oneof![
        4 => (urls(), images()).prop_map(|(url, image)| Event::Serve(url, image)),
        1 => endpoint.prop_map(Event::Fail),
    ]
}

fn wear() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..40_u64).prop_map(|hours| Event::Pass(Duration::from_hours(hours))),
        Just(Event::Restart),
        prop::sample::select(RESOURCES.to_vec()).prop_map(|name| Event::Release(name.to_owned())),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![5 => pulls().prop_map(Event::Deliver), 4 => outside(), 2 => wear()];
    prop::collection::vec(event, 0..40)
}

/// The content that a delivery brought, if it brought any.
fn served(step: &Step) -> Option<&Digest> {
    match &step.running {
        Running::Module(content) if !step.outcome.is_failure() => Some(content),
        _ => None,
    }
}

/// In ours, what is remembered is there: no URL stands for a module that is gone, and no resource runs one.
fn assert_nothing_dangles(simulation: &Simulation) {
    let known = simulation.known();
    for (url, entry) in known.tags() {
        let mut modules = known.modules();
        let found =
            modules.any(|(key, module)| key.checksum == entry.checksum && module.referencing.contains(url));
        assert!(found, "{url} dangles");
    }
    for (resource, used) in known.resources() {
        assert!(known.module(&used.key).is_some(), "{resource} runs what is gone");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_agent_panics_and_nothing_dangles_in_ours(flavour in flavours(), events in events()) {
        let mut simulation = Simulation::new(flavour);
        for event in events {
            simulation.run(event);
            if flavour == Flavour::Ours {
                assert_nothing_dangles(&simulation);
            }
        }
    }

    #[test]
    fn what_a_gateway_serves_is_what_some_registry_had(flavour in flavours(), events in events()) {
        let contents: Vec<Digest> = (0..4).map(|module| FakeImage::of(&[module]).content).collect();
        let mut simulation = Simulation::new(flavour);
        for event in events {
            if let Some(step) = simulation.run(event) {
                prop_assert!(served(&step).is_none_or(|content| contents.contains(content)));
            }
        }
    }

    #[test]
    fn under_ifnotpresent_content_never_changes_before_expiry(
        flavour in flavours(),
        events in prop::collection::vec(prop_oneof![pulls().prop_map(Event::Deliver), outside()], 0..40),
    ) {
        let mut simulation = Simulation::new(flavour);
        let mut first: BTreeMap<String, Digest> = BTreeMap::new();
        for event in events {
            let Event::Deliver(pull) = event else {
                simulation.run(event);
                continue;
            };
            let pull = Pull { policy: PullPolicy::IfNotPresent, sha256: None, ..pull };
            let step = simulation.deliver(&pull);
            if let Some(content) = served(&step) {
                let before = first.entry(pull.url.as_str().to_owned()).or_insert_with(|| content.clone());
                prop_assert_eq!(&*before, content, "{}", pull.url);
            }
        }
    }

    #[test]
    fn in_ours_nothing_moves_a_resource_under_ifnotpresent(events in events()) {
        let mut simulation = Simulation::serving(Flavour::Ours, &[TAG], "old");
        let asked = pull(TAG, PullPolicy::IfNotPresent, "1");
        let first = simulation.deliver(&asked).running;
        for event in events {
            let event = match event {
                Event::Deliver(pull) => {
                    Event::Deliver(Pull { resource: format!("not {}", pull.resource), ..pull })
                }
                Event::Release(resource) => Event::Release(format!("not {resource}")),
                event => event,
            };
            simulation.run(event);
            let step = simulation.deliver(&asked);
            prop_assert_eq!((step.requests.as_str(), &step.running), ("", &first));
        }
    }

    #[test]
    fn in_ours_a_new_version_under_always_brings_the_newest(events in events()) {
        let mut simulation = Simulation::new(Flavour::Ours);
        for (at, event) in events.into_iter().enumerate() {
            let Event::Deliver(pull) = event else {
                simulation.run(event);
                continue;
            };
            let version = format!("new {at}");
            let pull = Pull { policy: PullPolicy::Always, sha256: None, version, ..pull };
            let newest = simulation.registry().find(&pull.url).map(|image| image.content.clone());
            let is_up = simulation.registry().is_up();
            let step = simulation.deliver(&pull);
            if let Some(newest) = newest.filter(|_| is_up && pull.url.digest().is_none()) {
                prop_assert_eq!(&step.running, &Running::Module(newest));
            }
        }
    }
}
