use serde_json::json;

use super::super::domain::{DomainPattern, without_port};
use super::*;

#[test]
fn a_domain_is_a_suffix_a_prefix_or_exact() {
    let table = [
        ("*", DomainPattern::Suffix(String::new())),
        ("*.foo.com", DomainPattern::Suffix(".foo.com".to_owned())),
        ("*foo*", DomainPattern::Suffix("foo*".to_owned())),
        ("**", DomainPattern::Suffix("*".to_owned())),
        ("www.*", DomainPattern::Prefix("www.".to_owned())),
        ("www.example.com", DomainPattern::Exact("www.example.com".to_owned())),
        ("foo.com:8080", DomainPattern::Exact("foo.com:8080".to_owned())),
        ("", DomainPattern::Exact(String::new())),
    ];
    for (text, expected) in table {
        assert_eq!(DomainPattern::parse(text), expected, "{text}");
    }
}

#[test]
fn only_the_host_loses_its_port() {
    let table = [
        ("foo.com", "foo.com"),
        ("foo.com:8080", "foo.com"),
        ("foo.com:", "foo.com"),
        ("a:b:80", "a:b"),
        ("[::1]", "[::1]"),
        ("[::1]:8080", "[::1]"),
        (":80", ""),
        ("", ""),
    ];
    for (authority, host) in table {
        assert_eq!(without_port(authority), host, "{authority}");
    }
}

#[test]
fn hosts_match_as_in_the_suites_of_go_and_rust() {
    let table = [
        ("www.*", "www.test.com", true),
        ("www.*", "test.com", false),
        ("*.example.com", "www.example.com", true),
        ("*.example.com", "example.com", false),
        ("www.example.com", "www.example.com", true),
        ("www.example.com", "example.com", false),
        ("www.example.com", "www.example.com:8080", true),
        ("*", "www.example.com", true),
        // And as in the suite of C++.
        ("*.example.com", "www.example.com:8080", true),
        ("example.*", "example.com", true),
    ];
    for (pattern, host, expected) in table {
        for flavour in Flavour::ALL {
            let rule = json!({"_match_domain_": [pattern]});
            assert_eq!(matches(flavour, &rule, &to_host(host)), expected, "{flavour}: {pattern} {host}");
        }
    }
}

#[test]
fn what_is_not_a_wildcard_is_compared_as_it_is() {
    let table = [
        ("foo.com", "FOO.com", false),
        ("foo.com", "foo.com.", false),
        (" foo.com", "foo.com", false),
        ("foo.com:8080", "foo.com:8080", false),
        ("*.foo.com:8080", "a.foo.com:8080", false),
        ("*foo*", "foo.com", false),
        ("*foo*", "xfoo*", true),
        ("a.*.com", "a.b.com", false),
        ("*", "", true),
        ("[::1]", "[::1]:8080", true),
        ("münchen.de", "xn--mnchen-3ya.de", false),
        ("*chen.de", "münchen.de", true),
    ];
    for (pattern, host, expected) in table {
        // An empty host is none to AssemblyScript's SDK.
        for flavour in
            Flavour::ALL.into_iter().filter(|&it| it != Flavour::AssemblyScript || !host.is_empty())
        {
            let rule = json!({"_match_domain_": [pattern]});
            assert_eq!(matches(flavour, &rule, &to_host(host)), expected, "{flavour}: {pattern} {host}");
        }
    }
}

#[test]
fn an_empty_pattern_is_an_empty_host() {
    let rule = json!({"_match_domain_": [""]});
    for flavour in [Flavour::Go, Flavour::Cpp, Flavour::CppAuth, Flavour::Rust] {
        assert!(matches(flavour, &rule, &to_host("")), "{flavour}");
        assert!(matches(flavour, &rule, &to_host(":80")), "{flavour}");
        assert!(!matches(flavour, &rule, &to_host("foo.com")), "{flavour}");
    }
    assert!(matches(Flavour::AssemblyScript, &rule, &to_host(":80")));
}
