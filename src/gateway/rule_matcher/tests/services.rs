use serde_json::json;

use super::*;

const QWEN: &str = "outbound|443||qwen.dns";
const ECHO: &str = "outbound|80||echo.ns.svc.cluster.local";

#[test]
fn a_service_is_a_name_or_a_name_and_a_port() {
    let table = [
        ("qwen.dns", QWEN, true),
        ("qwen.dns:443", QWEN, true),
        ("moonshot.dns:443", QWEN, false),
        ("qwen.dns:", QWEN, false),
        ("qwen.dns:80", QWEN, false),
        ("Qwen.dns", QWEN, false),
        ("echo.ns.svc.cluster.local", ECHO, true),
        ("echo.ns.svc.cluster.local:80", ECHO, true),
        ("echo.ns.svc.cluster.local:8080", ECHO, false),
        ("echo.ns.svc", ECHO, false),
        ("test2.static:8080", "outbound|8080|v1|test2.static", true),
    ];
    for (service, cluster, expected) in table {
        for flavour in Flavour::ALL {
            let rule = json!({"_match_service_": [service]});
            assert_eq!(
                matches(flavour, &rule, &to_cluster(cluster)),
                expected,
                "{flavour}: {service} {cluster}"
            );
        }
    }
}

#[test]
fn no_sdk_knows_wildcards_for_services() {
    for service in ["*.dns", "*", "qwen.*", "*.dns:443"] {
        for flavour in Flavour::ALL {
            let rule = json!({"_match_service_": [service]});
            assert!(!matches(flavour, &rule, &to_cluster(QWEN)), "{flavour}: {service}");
        }
    }
}

#[test]
fn a_cluster_name_has_four_parts_or_matches_nothing() {
    for cluster in ["qwen.dns", "", "outbound|443|qwen.dns", "outbound|443||qwen.dns|", "|||", "blackhole"] {
        for flavour in Flavour::ALL {
            let rule = json!({"_match_service_": ["qwen.dns", "qwen.dns:443"]});
            assert!(!matches(flavour, &rule, &to_cluster(cluster)), "{flavour}: {cluster}");
        }
    }
}

#[test]
fn a_colon_in_a_name_is_read_in_three_ways() {
    // Go and C++ compare the whole text too; Rust and AssemblyScript take what stands after the last colon
    // for a port.
    let table = [
        ("a:b", "outbound|80||a:b", [true, true, false, false]),
        ("a:b", "outbound|b||a", [true, true, true, true]),
        ("a:b:80", "outbound|80||a:b", [true, true, true, true]),
        // C++ glues name and port together, where the others take the value apart.
        ("a:8:0", "outbound|8:0||a", [false, true, false, false]),
    ];
    for (service, cluster, expected) in table {
        for (flavour, expected) in SDKS.into_iter().zip(expected) {
            let rule = json!({"_match_service_": [service]});
            assert_eq!(
                matches(flavour, &rule, &to_cluster(cluster)),
                expected,
                "{flavour}: {service} {cluster}"
            );
        }
    }
}

#[test]
fn a_service_that_looks_the_same_is_told_why_it_is_not() {
    for (cluster, why) in [
        ("outbound|80||a:b", "`a:b` (a colon makes it a name and a port to this SDK)"),
        ("outbound|80||A:B", "`a:b` (letter case counts)"),
        ("", "the request has no cluster, so not `a:b`"),
    ] {
        let matcher = matcher(Flavour::Rust, &json!({"_rules_": [{"_match_service_": ["a:b"]}]}));
        let reason = &matcher.decide(&to_cluster(cluster)).passed_over[0].reason;
        assert!(reason.ends_with(why), "{reason}");
    }
}
