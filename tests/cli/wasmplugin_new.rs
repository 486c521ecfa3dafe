//! `wasmplugin new`: from an image in a registry to the resource that runs it.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::home::{Home, Ran, Served};

/// A plugin's spec.yaml as Higress's own plugins have it.
const SPEC: &str = r"apiVersion: 1.0.0
info:
  category: auth
  name: key-auth
  version: 1.0.0
spec:
  phase: AUTHN
  priority: 310
  configSchema:
    openAPIV3Schema:
      type: object
      required: [consumers]
      properties:
        global_auth:
          type: boolean
          default: false
          x-scope: GLOBAL
        consumers:
          type: array
          items:
            type: object
            required: [name, credential]
            properties:
              name: {type: string}
              credential: {type: string}
      example:
        consumers:
        - name: consumer1
          credential: token1
  routeConfigSchema:
    openAPIV3Schema:
      type: object
      properties:
        allow:
          type: array
          items: {type: string}
          default: []
";

/// A machine with a served registry that holds the plugin as `key-auth:1.0.0` and, without a spec.yaml, as `bare:1`.
fn served() -> (Home, Served) {
    let home = Home::new();
    home.write_plugin("key-auth/plugin.wasm");
    home.write("key-auth/spec.yaml", SPEC);
    let served = home.serve(home.listen(), &home.path("data"));
    home.ok(&["push", "key-auth", "plugins/key-auth:1.0.0"]);
    home.ok(&["push", "key-auth/plugin.wasm", "plugins/bare:1", "--layout", "artifact"]);
    (home, served)
}

/// The resource for `plugins/key-auth:1.0.0`, made with more arguments.
fn key_auth(home: &Home, arguments: &[&str]) -> Value {
    home.json(&[&["wasmplugin", "new", "plugins/key-auth:1.0.0"], arguments].concat())
}

fn digest_of(home: &Home, reference: &str) -> String {
    home.json(&["inspect", reference])["image"]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn the_resource_says_what_the_author_and_the_caller_say() {
    let (home, served) = served();
    let ran = home.run(&["wasmplugin", "new", "plugins/key-auth:1.0.0", "--example"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let yaml = ran.stdout.replace(&served.host, "HOST");
    insta::assert_snapshot!(yaml, @r"
    apiVersion: extensions.higress.io/v1alpha1
    kind: WasmPlugin
    metadata:
      name: key-auth
      namespace: higress-system
    spec:
      url: oci://HOST/plugins/key-auth:1.0.0
      imagePullPolicy: IfNotPresent
      phase: AUTHN
      priority: 310
      defaultConfig:
        consumers:
        - credential: token1
          name: consumer1
    ");
    assert!(
        ran.stderr.contains("pull policy: IfNotPresent: ")
            && !ran.stderr.contains("would not load")
            && ran.stderr.contains("this machine's own"),
        "{ran:?}"
    );
    let own = key_auth(
        &home,
        &[
            "--example",
            "--name",
            "auth",
            "--namespace",
            "gw",
            "--policy",
            "Always",
            "--phase",
            "AUTHZ",
            "--priority",
            "-5",
            "--fail-strategy",
            "FAIL_OPEN",
            "--pull-secret",
            "registry",
        ],
    );
    assert_eq!(own["metadata"], json!({"name": "auth", "namespace": "gw"}));
    let spec = &own["spec"];
    assert_eq!((&spec["phase"], &spec["priority"]), (&json!("AUTHZ"), &json!(-5)));
    assert_eq!((&spec["imagePullPolicy"], &spec["failStrategy"]), (&json!("Always"), &json!("FAIL_OPEN")));
    assert_eq!(spec["imagePullSecret"], "registry");
}

#[test]
fn json_is_the_resource_itself() {
    let (home, served) = served();
    let resource = key_auth(&home, &["--domain", "a.example.com", "--domain", "*.b.example.com"]);
    assert_eq!(
        resource,
        json!({
            "apiVersion": "extensions.higress.io/v1alpha1",
            "kind": "WasmPlugin",
            "metadata": {"name": "key-auth", "namespace": "higress-system"},
            "spec": {
                "url": format!("oci://{}/plugins/key-auth:1.0.0", served.host),
                "imagePullPolicy": "IfNotPresent",
                "phase": "AUTHN",
                "priority": 310,
                "defaultConfigDisable": true,
                "matchRules": [{"domain": ["a.example.com", "*.b.example.com"], "config": {"allow": []}}],
            },
        })
    );
}

#[test]
fn a_configuration_that_does_not_fit_is_refused_with_each_fault() {
    let (home, _served) = served();
    let new = ["wasmplugin", "new", "plugins/key-auth:1.0.0"];
    home.write("bad.yaml", "global_auth: maybe\nconsumers:\n- name: 5\n");
    let ran = home.run(&[&new[..], &["--config-from", "bad.yaml"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
    for said in [
        "`global_auth`: ",
        "`consumers[0].name`: 5",
        r#"`consumers[0]`: "credential""#,
        "to do: correct the file",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {ran:?}");
    }
    let ran = home.run(&new);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
    assert!(
        ran.stderr.contains(r#""consumers" is a required property"#) && ran.stderr.contains("--example"),
        "{ran:?}"
    );
    home.write("good.json", r#"{"consumers": [{"name": "a", "credential": "0644"}]}"#);
    let good = key_auth(&home, &["--config-from", "good.json"]);
    assert_eq!(good["spec"]["defaultConfig"], json!({"consumers": [{"name": "a", "credential": "0644"}]}));
}

#[test]
fn a_configuration_comes_from_standard_input_too_and_has_to_be_one_object() {
    let (home, _served) = served();
    let fed = |text: &[u8]| {
        let mut command = home.command(&["wasmplugin", "new", "plugins/bare:1", "--config-from", "-"]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(text).unwrap();
        Ran::of(process.wait_with_output().unwrap())
    };
    let ran = fed(b"keys: [yes]\n");
    assert!(ran.code == 0 && ran.stdout.contains("  defaultConfig:\n    keys:\n    - true\n"), "{ran:?}");
    for (text, said) in [
        (&b""[..], "expected one YAML or JSON document"),
        (b"a: 1\n---\nb: 2\n", "expected one YAML or JSON document"),
        (b"[1]", "expected an object, found a list"),
        (b"a: 1\na: 2\n", "line 2, column 1"),
        (b"a: \xff", "UTF-8"),
    ] {
        let ran = fed(text);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
        assert!(ran.stderr.contains(said), "{ran:?}");
    }
}

#[test]
fn an_image_without_a_spec_gives_a_resource_without_phase_and_configuration() {
    let (home, _served) = served();
    let ran = home.run(&["wasmplugin", "new", "plugins/bare:1"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("carries no spec.yaml"), "{ran:?}");
    assert!(!ran.stdout.contains("phase") && !ran.stdout.contains("defaultConfig"), "{ran:?}");
    let ran = home.run(&["wasmplugin", "new", "plugins/bare:1", "--example"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("no example") && ran.stderr.contains("--config-from"), "{ran:?}");
}

#[test]
fn what_a_spec_says_wrongly_is_left_out_and_told() {
    let (home, _served) = served();
    home.write("odd/plugin.wasm", wat::parse_str(crate::home::PLUGIN).unwrap());
    home.write(
        "odd/spec.yaml",
        "spec:\n  phase: FIRST\n  priority: 1\n  configSchema:\n    openAPIV3Schema: {$ref: 'http://127.0.0.1:1/'}\n",
    );
    home.ok(&["push", "odd", "plugins/odd:1"]);
    let ran = home.run(&["wasmplugin", "new", "plugins/odd:1"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("`FIRST` is none of") && ran.stderr.contains("`$ref: "), "{ran:?}");
    assert!(ran.stdout.contains("priority: 1") && !ran.stdout.contains("phase"), "{ran:?}");
}

#[test]
fn a_pinned_url_has_the_digest_of_the_manifest() {
    let (home, served) = served();
    let digest = digest_of(&home, "plugins/key-auth:1.0.0");
    let pinned = key_auth(&home, &["--pin", "--example"]);
    assert_eq!(pinned["spec"]["url"], format!("oci://{}/plugins/key-auth@{digest}", served.host));
    assert_eq!(pinned["spec"].get("imagePullPolicy"), None, "a digest needs no policy");
}

/// An OCI layout of the plugin, to be changed by hand.
struct Layout<'a> {
    home: &'a Home,
    /// The descriptor of the plugin's manifest.
    single: Value,
}

impl<'a> Layout<'a> {
    fn pack(home: &'a Home) -> Self {
        let _ = fs::remove_dir_all(home.path("layout"));
        home.ok(&["pack", "key-auth", "./layout:single"]);
        let index: Value =
            serde_json::from_slice(&fs::read(home.path("layout/index.json")).unwrap()).unwrap();
        Self { home, single: index["manifests"][0].clone() }
    }

    fn blob(&self, descriptor: &Value) -> Vec<u8> {
        let digest = descriptor["digest"].as_str().unwrap().replace(':', "/");
        fs::read(self.home.path(&format!("layout/blobs/{digest}"))).unwrap()
    }

    /// Adds a blob; answers its descriptor.
    fn add(&self, media_type: &str, bytes: &[u8]) -> Value {
        let path = self.home.write("layout/new", bytes);
        let sum = std::process::Command::new("sha256sum").arg(path).output().unwrap().stdout;
        let hex = String::from_utf8(sum[..64].to_vec()).unwrap();
        self.home.write(&format!("layout/blobs/sha256/{hex}"), bytes);
        json!({"mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len()})
    }

    /// Copies the manifest `body` to `reference`; answers its digest.
    fn push(&self, body: &Value, reference: &str) -> String {
        let mut descriptor = self.add(body["mediaType"].as_str().unwrap(), body.to_string().as_bytes());
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": "made"});
        let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
        self.home.write("layout/index.json", index.to_string());
        self.home.ok(&["copy", "./layout:made", reference]);
        descriptor["digest"].as_str().unwrap().to_owned()
    }

    /// Puts an index with children for these machines under `reference`; answers its digest.
    fn push_index(&self, architectures: &[&str], reference: &str) -> String {
        let child = |architecture: &&str| {
            let Value::Object(mut child) = self.single.clone() else { panic!("a descriptor is an object") };
            child.remove("annotations");
            child.insert("platform".to_owned(), json!({"os": "linux", "architecture": architecture}));
            child
        };
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": architectures.iter().map(child).collect::<Vec<_>>(),
        });
        self.push(&index, reference)
    }

    /// Puts the plugin with another spec.yaml under `reference`.
    fn push_with_spec(&self, spec: &[u8], reference: &str) {
        let mut manifest: Value = serde_json::from_slice(&self.blob(&self.single)).unwrap();
        let media_type = manifest["layers"][0]["mediaType"].as_str().unwrap().to_owned();
        assert!(media_type.contains("spec"), "{media_type}");
        manifest["layers"][0] = self.add(&media_type, spec);
        self.push(&manifest, reference);
    }
}

#[test]
fn the_digest_of_an_index_is_never_written() {
    let (home, served) = served();
    let child = digest_of(&home, "plugins/key-auth:1.0.0");
    let index = Layout::pack(&home).push_index(&["arm64", "amd64"], "plugins/multi:1");
    let by_digest = format!("plugins/multi@{index}");
    for arguments in [vec!["plugins/multi:1", "--pin"], vec![&by_digest]] {
        let ran = home.run(&[&["wasmplugin", "new", "--example"], &arguments[..]].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(
            ran.stdout.contains(&format!("url: oci://{}/plugins/multi@{child}\n", served.host)),
            "{ran:?}"
        );
        assert!(ran.stderr.contains("is an index"), "{ran:?}");
    }
    Layout::pack(&home).push_index(&["arm64"], "plugins/arm:1");
    let ran = home.run(&["wasmplugin", "new", "plugins/arm:1", "--pin"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
    assert!(
        ran.stderr.contains("no digest to pin") && ran.stderr.contains("would not load the image"),
        "{ran:?}"
    );
}

#[test]
fn a_hostile_spec_is_told_and_left_out() {
    let (home, _served) = served();
    let unfolding = format!("info: &a\n  name: {}\nmore: [{}]", "x".repeat(1_000_000), "*a,".repeat(90));
    let deep = format!("spec: {}", "[".repeat(100_000));
    let large = vec![b'#'; 4 * 1024 * 1024 + 1];
    let control = b"info:\n  name: \"\\e[2J\"\nspec:\n  phase: \"\\e[2J\"\n";
    for (spec, said) in [
        (unfolding.as_bytes(), "the image's spec.yaml: "),
        (deep.as_bytes(), "the image's spec.yaml: "),
        (&large, "more than the 4.00 MiB that are read"),
        (b"\xff\xfe", "the image's spec.yaml: "),
        (b"- a list", "the image's spec.yaml: "),
        (control, "`\u{fffd}[2J` is none of"),
    ] {
        Layout::pack(&home).push_with_spec(spec, "plugins/hostile:1");
        let ran = home.run(&["wasmplugin", "new", "plugins/hostile:1"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stderr.contains(said) && ran.stderr.len() < 2_000, "{said}: {ran:?}");
        assert!(ran.stdout.contains("plugins/hostile:1") && !ran.stdout.contains("phase"), "{ran:?}");
    }
}

#[test]
fn gateways_that_refuse_the_image_are_named() {
    let (home, _served) = served();
    home.ok(&["push", "key-auth/plugin.wasm", "plugins/wasm:1", "--layout", "wasm"]);
    let ran = home.run(&["wasmplugin", "new", "plugins/wasm:1", "--quiet"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("Higress 2.x") && ran.stderr.contains("would not load the image"), "{ran:?}");
    assert!(!ran.stderr.contains("pull policy"), "notes are not for --quiet: {ran:?}");
    home.write("hwasm-registry.toml", "[plugins]\nagents = [\"wkg-runwasi\"]\n");
    let ran = home.run(&["wasmplugin", "new", "plugins/wasm:1"]);
    assert!(ran.code == 0 && !ran.stderr.contains("would not load"), "nobody asked about gateways: {ran:?}");
}

#[test]
fn failures_have_the_exit_codes_of_every_command() {
    let (home, served) = served();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let unreachable = format!("{nobody}/plugins/a:1");
    for (arguments, code, said) in [
        (vec![unreachable.as_str()], 5, "cannot look at"),
        (vec!["plugins/key-auth:9"], 3, "plugins/key-auth"),
        (vec!["plugins/bare:1", "--name", "Key Auth"], 2, "`Key Auth` is no name"),
        (vec!["plugins/bare:1", "--namespace", "a.b"], 2, "`a.b` is no namespace"),
        (vec![&unreachable, "--name", "a b"], 2, "`a b` is no name"),
        (vec!["plugins/bare:1", "--policy", "Never"], 2, "`Never` is none of"),
        (vec!["plugins/bare:1", "--fail-strategy", "FAIL_RELOAD"], 2, "`FAIL_RELOAD` is none of"),
        (vec!["plugins/bare:1", "--phase", "authn"], 2, "`authn` is none of"),
        (vec!["plugins/bare:1", "--domain", "a", "--service", "b"], 2, "cannot be used with"),
        (vec!["plugins/bare:1", "--config-from", "absent.yaml"], 3, "absent.yaml"),
        (vec!["plugins/bare:1", "--config-from", "a.yaml", "--example"], 2, "cannot be used with"),
        (vec!["./layout:1"], 2, "is not in a registry"),
        (vec!["Plugins/A"], 2, "`Plugins/A`"),
    ] {
        let ran = home.run(&[&["wasmplugin", "new"], &arguments[..]].concat());
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(said) && ran.stdout.is_empty(), "{arguments:?}: {ran:?}");
    }
    drop(served);
}

#[test]
fn the_resource_goes_to_a_file_in_the_format_asked_for() {
    let (home, _served) = served();
    let new = ["wasmplugin", "new", "plugins/bare:1", "-o"];
    assert_eq!(home.ok(&[&new[..], &["a.yaml"]].concat()), "");
    assert!(fs::read_to_string(home.path("a.yaml")).unwrap().ends_with("imagePullPolicy: IfNotPresent\n"));
    assert_eq!(home.ok(&[&new[..], &["a.json", "--format", "json"]].concat()), "");
    let written: Value = serde_json::from_slice(&fs::read(home.path("a.json")).unwrap()).unwrap();
    assert_eq!(written["kind"], "WasmPlugin");
}

#[test]
fn push_prints_the_resource_in_the_same_words() {
    let (home, served) = served();
    let pushed = home.json(&["push", "key-auth", "plugins/again:1"]);
    let resource = pushed["wasm_plugin"].as_str().unwrap().replace(&served.host, "HOST");
    insta::assert_snapshot!(resource, @r"
    apiVersion: extensions.higress.io/v1alpha1
    kind: WasmPlugin
    metadata:
      name: again
      namespace: higress-system
    spec:
      url: oci://HOST/plugins/again:1
      imagePullPolicy: IfNotPresent
      phase: AUTHN
      priority: 310
    ");
    assert_eq!(pushed["pull_policy"], "IfNotPresent");
}
