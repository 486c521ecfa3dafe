//! `wasmplugin convert`, `match` and `chain`: what a Higress gateway does with resources, told without one.

use crate::home::Home;

const CUSTOM_RESPONSE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/src/gateway/convert/testdata/custom-response.yaml");
const CUSTOM_RESPONSE_IN_ISTIO: &str =
    include_str!("../../src/gateway/convert/testdata/custom-response.istio.yaml");
const CHAIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chain");
const SEED_FILTERS: &str = include_str!("../../src/gateway/chain/testdata/seed_http_filters.yaml");

/// A Higress resource in a file of its own.
fn higress(home: &Home, spec: &str) -> String {
    let text = format!(
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: p}}\nspec: {spec}\n"
    );
    home.write("plugin.yaml", text.as_bytes()).display().to_string()
}

#[test]
fn convert_prints_what_the_controller_shows() {
    assert_eq!(Home::new().ok(&["wasmplugin", "convert", CUSTOM_RESPONSE]), CUSTOM_RESPONSE_IN_ISTIO);
}

#[test]
fn convert_reads_what_it_printed() {
    let home = Home::new();
    let printed = home.write("istio.yaml", CUSTOM_RESPONSE_IN_ISTIO.as_bytes());
    assert_eq!(home.ok(&["wasmplugin", "convert", printed.to_str().unwrap()]), CUSTOM_RESPONSE_IN_ISTIO);
}

#[test]
fn convert_takes_a_directory_and_gives_one_document_for_each_plugin() {
    let printed = Home::new().ok(&["wasmplugin", "convert", CHAIN]);
    let names: Vec<&str> = printed.lines().filter(|line| line.starts_with("  name: ")).collect();
    assert_eq!(
        names,
        [
            "  name: custom-response",
            "  name: easy-logger",
            "  name: wasm-keyauth",
            "  name: wasm-transformer"
        ]
    );
    assert_eq!(printed.matches("\n---\n").count(), 3);
}

#[test]
fn convert_says_what_becomes_of_a_resource_that_gives_nothing() {
    let home = Home::new();
    for (spec, code, outcome, said) in [
        (
            "{url: 'oci://r/p:1', defaultConfigDisable: true}",
            0,
            "dropped",
            "p is dropped: the plugin is withdrawn",
        ),
        (
            "{url: 'oci://r/p:1', matchRules: [{}]}",
            1,
            "error",
            "p is refused: the version converted last stays live",
        ),
    ] {
        let file = higress(&home, spec);
        let run = home.run(&["wasmplugin", "convert", &file]);
        assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{spec}");
        assert!(run.stderr.contains(said), "{}", run.stderr);
        let run = home.run(&["wasmplugin", "convert", "--format", "json", &file]);
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(
            (&report["plugins"][0]["outcome"], &report["plugins"][0]["resource"]),
            (&outcome.into(), &serde_json::Value::Null)
        );
    }
}

#[test]
fn convert_gives_the_grpc_route_names_that_were_meant_when_asked() {
    let home = Home::new();
    let file = higress(&home, "{url: 'oci://r/p:1', matchRules: [{ingress: [ns/a], routeType: GRPC}]}");
    let run = home.run(&["wasmplugin", "convert", &file]);
    assert!(
        run.stdout.contains("- GRPC\n") && run.stderr.contains("meant was `GRPC/ns/a`"),
        "{}",
        run.stderr
    );
    let run = home.run(&["wasmplugin", "convert", "--fixed", &file]);
    assert!(run.stdout.contains("- GRPC/ns/a\n") && run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_its_places() {
    let home = Home::new();
    for (text, code, said) in [
        ("a: [", 1, "line 1, column 4"),
        ("apiVersion: v1\nkind: ConfigMap\n", 1, "there is no WasmPlugin"),
        (
            "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: p}\nspec:\n  priority: high\n",
            1,
            "bad.yaml:5:13: `spec.priority`",
        ),
    ] {
        let file = home.write("bad.yaml", text.as_bytes());
        let run = home.run(&["wasmplugin", "convert", file.to_str().unwrap()]);
        assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{text}");
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    assert_eq!(home.run(&["wasmplugin", "convert", "nowhere.yaml"]).code, 3);
    assert_eq!(home.run(&["wasmplugin", "convert"]).code, 2);
}

#[test]
fn a_field_that_the_api_server_drops_is_warned_about() {
    let home = Home::new();
    let file = higress(&home, "{url: 'oci://r/p:1', imagePullSecrets: [a]}");
    let run = home.run(&["wasmplugin", "convert", &file]);
    assert!(
        run.code == 0 && run.stderr.contains("plugin.yaml:4: there is no field `spec.imagePullSecrets`"),
        "{}",
        run.stderr
    );
}

#[test]
fn match_tells_the_rule_and_why_not_the_ones_before() {
    let home = Home::new();
    insta::assert_snapshot!(home.ok(&[
        "wasmplugin",
        "match",
        "--authority",
        "bar.com:8080",
        "--route",
        "other",
        "--cluster",
        "outbound|8080||echo-server.higress-course.svc.cluster.local",
        CUSTOM_RESPONSE,
    ]));
}

#[test]
fn match_follows_a_request_through_the_whole_chain() {
    let home = Home::new();
    insta::assert_snapshot!(home.ok(&[
        "wasmplugin",
        "match",
        "--authority",
        "www.foo.com",
        "--route",
        "higress-course/ingress-bar",
        "--flavour",
        "wasm-keyauth=cpp-auth",
        CHAIN,
    ]));
    let report = home.json(&["wasmplugin", "match", "--authority", "www.foo.com", CHAIN]);
    let plugins: Vec<(&str, &str)> = report["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| (plugin["name"].as_str().unwrap(), plugin["decision"]["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(
        plugins,
        [
            ("custom-response", "global"),
            ("wasm-transformer", "idle"),
            ("wasm-keyauth", "rule"),
            ("easy-logger", "global")
        ]
    );
    assert_eq!(report["plugins"][2]["decision"]["config"], serde_json::json!({"allow": ["alice"]}));
}

#[test]
fn match_says_when_a_plugin_does_not_start() {
    let home = Home::new();
    let file = higress(&home, "{url: 'oci://r/p:1', matchRules: [{domain: [a], service: [b]}]}");
    let printed = home.ok(&["wasmplugin", "match", "--authority", "a", "--flavour", "rust", &file]);
    assert!(printed.contains("does not start"), "{printed}");
    let run = home.run(&["wasmplugin", "match", "--flavour", "cobol", &file]);
    assert!(run.code == 2 && run.stderr.contains("`cobol` is no flavour"), "{}", run.stderr);
}

#[test]
fn chain_gives_the_dump_of_the_four_plugins() {
    let printed = Home::new().ok(&["wasmplugin", "chain", "--line", "seed", "--show", "filters", CHAIN]);
    // Whether the dump's one quoted key has single or double quotes is the printer's choice.
    let lines: Vec<String> = SEED_FILTERS.lines().map(|line| line.replace("\"@type\"", "'@type'")).collect();
    assert_eq!(printed, format!("http_filters:\n{}\n", lines.join("\n")));
}

#[test]
fn chain_shows_the_order_and_why() {
    let home = Home::new();
    insta::assert_snapshot!(home.ok(&["wasmplugin", "chain", CHAIN]));
    let other = higress(&home, "{url: 'oci://r/p:1', defaultConfigDisable: true}");
    let printed = home.ok(&["wasmplugin", "chain", &other]);
    assert!(printed.contains("not in it: higress-system/p: the plugin is withdrawn"), "{printed}");
}

#[test]
fn chain_shows_what_discovery_answers() {
    let home = Home::new();
    let printed = home.ok(&[
        "wasmplugin",
        "chain",
        "--show",
        "resources",
        "--line",
        "istio-1.30",
        "--gateway-namespace",
        "higress-system",
        CHAIN,
    ]);
    let resources: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(resources.as_array().unwrap().len(), 4);
    assert_eq!(
        resources[0]["name"],
        "extensions.istio.io/trafficextension/higress-system.custom-response~istio-translated-wasmplugin"
    );
}

const SERVICE_WILDCARD: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/src/gateway/lint/cases/service-wildcard/bad.yaml");

#[test]
fn no_name_in_a_file_reaches_the_terminal_as_a_command() {
    let home = Home::new();
    let text = "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\n\
                metadata: {name: \"a\\e[31m\\nb\"}\nspec: {url: 'oci://r.io/p:1'}\n";
    let twice = home.write("plugin.yaml", format!("{text}---\n{text}"));
    for verb in ["lint", "match", "chain"] {
        let run = home.run(&["wasmplugin", verb, twice.to_str().unwrap()]);
        assert!(run.stdout.contains("31m") && !run.stdout.contains('\u{1b}'), "{verb}: {run:?}");
        assert!(!run.stdout.contains("31m\n"), "{verb}: {run:?}");
    }
}

#[test]
fn lint_finds_nothing_wrong_with_the_examples() {
    let run = Home::new().run(&["wasmplugin", "lint", "--fail-on", "warning", CHAIN]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.starts_with("4 plugins: nothing found"), "{run:?}");
}

#[test]
fn lint_names_the_line_the_reason_and_the_fix() {
    let run = Home::new().run(&["wasmplugin", "lint", SERVICE_WILDCARD]);
    assert_eq!(run.code, 1);
    let expected = format!("{SERVICE_WILDCARD}:15:7: error[service-wildcard]: `*.shop.svc.cluster.local`");
    assert!(run.stdout.starts_with(&expected) && run.stdout.contains("\n  fix: "), "{run:?}");
    assert!(run.stdout.ends_with("\n1 plugin: 1 error\n"), "{run:?}");
}

#[test]
fn lint_speaks_json_and_github() {
    let home = Home::new();
    let run = home.run(&["wasmplugin", "lint", "--format", "json", SERVICE_WILDCARD]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, &report["count"]), (1, &serde_json::json!({"error": 1})));
    let finding = &report["findings"][0];
    assert_eq!((&finding["rule"], &finding["line"]), (&"service-wildcard".into(), &15.into()));
    assert_eq!(finding["path"], "spec.matchRules[0].service[0]");
    let run = home.run(&["wasmplugin", "lint", "--format", "github", SERVICE_WILDCARD]);
    assert!(run.stdout.starts_with("::error file="), "{run:?}");
    assert!(run.stdout.contains(",line=15,col=7,title=service-wildcard::"), "{run:?}");
}

#[test]
fn lint_fails_by_the_severity_that_was_asked_for() {
    let home = Home::new();
    let file = higress(&home, "{url: 'oci://r.io/p:latest', priority: 1, defaultConfig: {a: 1}}");
    for (arguments, code) in [
        (&[][..], 0),
        (&["--fail-on", "warning"], 1),
        (&["--fail-on", "warning", "--disable", "latest-tag", "--disable", "no-namespace"], 0),
        (&["--severity", "latest-tag=error"], 1),
        (&["--disable", "latest-tags"], 2),
        (&["--level", "fatal"], 2),
    ] {
        let run = home.run(&[&["wasmplugin", "lint", &file], arguments].concat());
        assert_eq!(run.code, code, "{arguments:?}: {run:?}");
    }
}

#[test]
fn lint_goes_on_after_a_file_that_cannot_be_read() {
    let home = Home::new();
    let broken = home.write("broken.yaml", "a: [").display().to_string();
    let run = home.run(&["wasmplugin", "lint", &broken, SERVICE_WILDCARD]);
    assert_eq!(run.code, 1);
    assert!(
        run.stdout.contains("broken.yaml:1:4: error: ") && run.stdout.contains("[service-wildcard]"),
        "{run:?}"
    );
    assert!(run.stderr.contains("1 finding of severity error or above, and 1 file not read"), "{run:?}");
    let run = home.run(&["wasmplugin", "lint", "--format", "github", &broken]);
    assert!(run.stdout.contains("broken.yaml,line=1,col=4,title=unreadable::"), "{run:?}");
    let latin = home.write("latin.yaml", b"a: \xe9").display().to_string();
    let run = home.run(&["wasmplugin", "lint", &latin]);
    let said =
        "latin.yaml:1:4: error: this is not UTF-8; save the file as UTF-8\n0 plugins: 1 file not read\n";
    assert!(run.code == 1 && run.stdout.ends_with(said), "{run:?}");
    assert!(run.stderr.contains("1 file not read") && !run.stderr.contains("--explain"), "{run:?}");
}

#[test]
fn lint_warns_where_there_is_nothing_to_look_at() {
    let home = Home::new();
    let other = home.write("other.yaml", "apiVersion: v1\nkind: ConfigMap\n").display().to_string();
    let run = home.run(&["wasmplugin", "lint", &other]);
    assert!(run.code == 0 && run.stderr.contains("there is no WasmPlugin in what was given"), "{run:?}");
}

#[test]
fn a_plugin_that_a_later_file_withdraws_is_not_in_the_chain() {
    let home = Home::new();
    let resource = |spec: &str| {
        format!(
            "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: p}}\nspec: {spec}\n"
        )
    };
    let live = home.write("1.yaml", resource("{url: 'oci://r.io/p:1'}"));
    let withdrawn = "{url: 'oci://r.io/p:1', defaultConfigDisable: true}";
    let withdrawn = home.write("2.yaml", resource(withdrawn));
    let chain = home.json(&["wasmplugin", "chain", live.to_str().unwrap(), withdrawn.to_str().unwrap()]);
    assert_eq!((&chain["plugins"], chain["excluded"].as_array().unwrap().len()), (&serde_json::json!([]), 1));
}

#[test]
fn lint_explains_its_rules() {
    let home = Home::new();
    let page = home.ok(&["wasmplugin", "lint", "--explain", "service-wildcard"]);
    assert!(page.starts_with("service-wildcard (error): ") && page.contains("Mended:"), "{page}");
    let rules = home.json(&["wasmplugin", "lint", "--rules"]);
    let ids: Vec<&str> =
        rules["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert!(ids.len() > 60 && ids.contains(&"service-wildcard"), "{ids:?}");
    let run = home.run(&["wasmplugin", "lint", "--explain", "service-wildcart"]);
    assert!(run.code == 2 && run.stderr.contains("did you mean `service-wildcard`?"), "{run:?}");
    assert_eq!(home.run(&["wasmplugin", "lint"]).code, 2);
}

#[test]
fn lint_looks_at_images_where_it_is_asked_to() {
    let home = Home::new();
    let plugin = home.path("limiter");
    std::fs::create_dir(&plugin).unwrap();
    home.write_plugin("limiter/plugin.wat");
    home.write(
        "limiter/spec.yaml",
        "info: {name: limiter, version: 1.0.0}\nspec:\n  phase: AUTHN\n  priority: 5\n  configSchema:\n    \
         openAPIV3Schema: {type: object, properties: {limit: {type: integer}}}\n",
    );
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    let host = &served.host;
    let image = format!("{host}/plugins/limiter:1.0.0");
    home.ok(&["push", plugin.to_str().unwrap(), &image]);
    let file = higress(
        &home,
        &format!("{{url: 'oci://{image}', phase: AUTHN, priority: 5, defaultConfig: {{limit: many}}}}"),
    );
    let without = home.run(&["wasmplugin", "lint", "--disable", "no-namespace", &file]);
    assert!(without.code == 0 && !without.stdout.contains("config-schema"), "{without:?}");
    let run = home.run(&["wasmplugin", "lint", "--images", &file]);
    assert!(run.code == 1 && run.stdout.contains("error[config-schema]"), "{run:?}");
    let file = higress(
        &home,
        &format!("{{url: 'oci://{host}/plugins/absent:1', priority: 5, defaultConfig: {{a: 1}}}}"),
    );
    let run = home.run(&["wasmplugin", "lint", "--images", &file]);
    assert!(run.code == 0 && run.stderr.contains("cannot look at"), "{run:?}");
}
