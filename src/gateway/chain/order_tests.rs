use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::fixtures::placed;
use super::{Chain, Line, Link, Workload};
use crate::plugin::{Phase, WasmPlugin};

/// A gateway in `gw`, below the root namespace `root`.
fn workload() -> Workload {
    Workload {
        namespace: "gw".to_owned(),
        root_namespace: "root".to_owned(),
        labels: None,
        own_label: None,
        port: None,
    }
}

fn aged(mut plugin: WasmPlugin, seconds: i64) -> WasmPlugin {
    plugin.metadata.creation_timestamp = Some(created(seconds));
    plugin
}

fn created(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).expect("the time is in chrono's range")
}

/// The chain as lines of `name: why`.
fn chain(plugins: &[WasmPlugin], line: Line) -> Vec<String> {
    let workload = workload();
    let chain = Chain::order(plugins, line, &workload);
    chain.links().iter().map(|link| format!("{}: {}", link.plugin.metadata.name, link.why)).collect()
}

#[test]
fn phases_stand_in_fixed_slots_whatever_the_priorities() {
    let plugins = [
        placed("gw", "last", Phase::Unspecified, Some(1000)),
        placed("gw", "stats", Phase::Stats, Some(1)),
        placed("gw", "authz", Phase::Authz, None),
        placed("gw", "authn", Phase::Authn, Some(-5)),
    ];
    assert_eq!(
        chain(&plugins, Line::Istio127),
        [
            "authn: AUTHN, priority -5",
            "authz: AUTHZ, no priority",
            "stats: STATS, priority 1",
            "last: UNSPECIFIED_PHASE, priority 1000",
        ]
    );
}

#[test]
fn the_higher_priority_comes_first_and_none_is_below_every_number() {
    let plugins = [
        placed("gw", "a-none", Phase::Authn, None),
        placed("gw", "b-negative", Phase::Authn, Some(-2_000_000_000)),
        placed("gw", "c-zero", Phase::Authn, Some(0)),
        placed("gw", "d-ten", Phase::Authn, Some(10)),
    ];
    for line in Line::ALL {
        assert_eq!(
            chain(&plugins, line),
            [
                "d-ten: AUTHN, priority 10",
                "c-zero: AUTHN, priority 0",
                "b-negative: AUTHN, priority -2000000000",
                "a-none: AUTHN, no priority: after every plugin that has one",
            ],
            "{line}"
        );
    }
}

#[test]
fn no_priority_equals_the_lowest_number_there_is() {
    let plugins = [placed("gw", "b", Phase::Authn, Some(i32::MIN)), placed("gw", "a", Phase::Authn, None)];
    assert_eq!(
        chain(&plugins, Line::Istio127),
        ["a: AUTHN, no priority", "b: same phase and priority as `a`: by name"]
    );
}

#[test]
fn between_equals_the_own_namespace_comes_before_the_root_even_when_younger() {
    let plugins = [
        aged(placed("root", "a", Phase::Authn, Some(10)), 0),
        aged(placed("gw", "b", Phase::Authn, Some(10)), 60),
        placed("root", "c", Phase::Authn, Some(11)),
    ];
    assert_eq!(
        chain(&plugins, Line::Istio127),
        [
            "c: AUTHN, priority 11",
            "b: AUTHN, priority 10",
            "a: same phase and priority as `b`: the gateway's own namespace comes before the root namespace",
        ]
    );
}

#[test]
fn then_the_older_object_comes_first_except_in_higress() {
    let plugins = [
        aged(placed("gw", "a", Phase::Authn, Some(10)), 60),
        aged(placed("gw", "b", Phase::Authn, Some(10)), 0),
        placed("gw", "c", Phase::Authn, Some(10)),
    ];
    for line in [Line::Istio127, Line::Istio130] {
        assert_eq!(
            chain(&plugins, line),
            [
                "c: AUTHN, priority 10",
                "b: same phase and priority as `c`: `c` has no creation time, which counts as the oldest",
                "a: same phase and priority as `b`: `b` is older",
            ],
            "{line}"
        );
    }
    for line in [Line::Seed, Line::Higress119, Line::Higress127] {
        assert_eq!(
            chain(&plugins, line),
            [
                "a: AUTHN, priority 10",
                "b: same phase and priority as `a`: by name",
                "c: same phase and priority as `b`: by name",
            ],
            "{line}"
        );
    }
}

#[test]
fn then_the_name_decides_and_older_lines_compare_it_together_with_the_namespace() {
    let plugins = [placed("gw", "auth", Phase::Authn, None), placed("gw", "auth-x", Phase::Authn, None)];
    let names = |line| chain(&plugins, line).iter().map(|text| text[..6].to_owned()).collect::<Vec<_>>();
    for line in [Line::Higress127, Line::Istio127, Line::Istio130] {
        assert_eq!(names(line), ["auth: ", "auth-x"], "{line}");
    }
    // `auth-x.gw` sorts before `auth.gw`.
    for line in [Line::Seed, Line::Higress119] {
        assert_eq!(names(line), ["auth-x", "auth: "], "{line}");
    }
}

#[test]
fn the_later_of_two_plugins_with_one_name_replaces_the_first() {
    let mut unnamed = placed("gw", "p", Phase::Authz, Some(2));
    unnamed.metadata.namespace = None;
    let plugins =
        [placed("gw", "p", Phase::Authn, Some(1)), placed("root", "p", Phase::Authn, Some(1)), unnamed];
    let workload = workload();
    let chain = Chain::order(&plugins, Line::Istio127, &workload);
    let links: Vec<_> = chain.links().iter().map(|link| (link.namespace, link.plugin.spec.phase)).collect();
    assert_eq!(links, [("root", Phase::Authn), ("gw", Phase::Authz)]);
    let excluded: Vec<_> = chain
        .excluded()
        .iter()
        .map(|one| (one.namespace, one.plugin.spec.phase, one.reason.to_string()))
        .collect();
    let reason = "a later plugin has the same namespace and name, and replaces it in a cluster";
    assert_eq!(excluded, [("gw", Phase::Authn, reason.to_owned())]);
}

#[test]
fn an_empty_chain_has_the_built_in_filters_only() {
    let workload = workload();
    let none: [WasmPlugin; 0] = [];
    for line in Line::ALL {
        let chain = Chain::order(&none, line, &workload);
        assert!(chain.links().is_empty() && chain.resources().is_empty());
        assert_eq!(chain.http_filters().last().unwrap().name, "envoy.filters.http.router");
    }
}

fn phases() -> impl Strategy<Value = Phase> {
    prop::sample::select(vec![Phase::Unspecified, Phase::Authn, Phase::Authz, Phase::Stats])
}

/// Plugins of few names, priorities and ages, so that ties are common; no two of one namespace and name.
fn plugins() -> impl Strategy<Value = Vec<WasmPlugin>> {
    let priority = prop::option::of(prop::sample::select(vec![i32::MIN, -1, 0, 1, i32::MAX]));
    let one = (
        prop::sample::select(vec!["gw", "root", "other"]),
        "[ab][ab.-]{0,2}",
        phases(),
        priority,
        prop::option::of(0..3_i64),
    );
    prop::collection::vec(one, 0..12).prop_map(|rows| {
        let mut plugins: Vec<WasmPlugin> = Vec::new();
        for (namespace, name, phase, priority, age) in rows {
            let mut plugin = placed(namespace, &name, phase, priority);
            plugin.metadata.creation_timestamp = age.map(created);
            if plugins.iter().all(|other| {
                (&other.metadata.namespace, &other.metadata.name)
                    != (&plugin.metadata.namespace, &plugin.metadata.name)
            }) {
                plugins.push(plugin);
            }
        }
        plugins
    })
}

/// The same plugins in two orders.
fn shuffled() -> impl Strategy<Value = (Vec<WasmPlugin>, Vec<WasmPlugin>)> {
    plugins().prop_flat_map(|plugins| (Just(plugins.clone()), Just(plugins).prop_shuffle()))
}

proptest! {
    #[test]
    fn the_order_does_not_depend_on_the_order_of_the_input(
        (plugins, shuffled) in shuffled(),
        line in prop::sample::select(Line::ALL.to_vec()),
    ) {
        prop_assert_eq!(chain(&plugins, line), chain(&shuffled, line));
        let workload = workload();
        let one = Chain::order(&plugins, line, &workload);
        let other = Chain::order(&shuffled, line, &workload);
        prop_assert_eq!(one.http_filters(), other.http_filters());
        prop_assert_eq!(one.links().len() + one.excluded().len(), plugins.len());
    }

    /// Whatever is left out, the others keep their order: it is one of plugins, not of the list.
    #[test]
    fn leaving_one_out_does_not_move_the_others(plugins in plugins(), at in any::<prop::sample::Index>()) {
        prop_assume!(!plugins.is_empty());
        let workload = workload();
        let names = |plugins: &[WasmPlugin]| -> Vec<(String, String)> {
            let chain = Chain::order(plugins, Line::Istio127, &workload);
            let name = |link: &Link<'_>| (link.namespace.to_owned(), link.plugin.metadata.name.clone());
            chain.links().iter().map(name).collect()
        };
        let mut rest = plugins.clone();
        let out = rest.remove(at.index(plugins.len())).metadata;
        let mut all = names(&plugins);
        all.retain(|(namespace, name)| (Some(namespace), name) != (out.namespace.as_ref(), &out.name));
        prop_assert_eq!(names(&rest), all);
    }
}
