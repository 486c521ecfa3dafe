//! The tables of cases: every shape that was tried on the agents themselves, and every format met in the wild.

use super::*;
use crate::artifact::fixtures::{
    Member, component, file, gzip, image, image_of, plugin_module, special, tar, unterminated_tar, zstd,
};
use crate::artifact::{Limits, examine};
use media_type::{
    DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST, OCI_CONFIG, OCI_EMPTY, OCI_LAYER_TAR,
    OCI_LAYER_TAR_GZIP, OCI_LAYER_TAR_ZSTD, OCI_MANIFEST, WASM, WASM_CONFIG_V0, WASM_CONTENT_LAYER, WASM_DOC,
    WASM_MODULE_CONFIG, WASM_SPEC, WASM_TO_OCI_CONFIG, WASM_TO_OCI_LAYER,
};

/// One letter for each agent of [`Agent::ALL`]: `+` loads, `-` refuses.
fn pattern(verdicts: &[Verdict]) -> String {
    verdicts.iter().map(|verdict| if verdict.loads() { '+' } else { '-' }).collect()
}

fn reason(verdicts: &[Verdict], agent: Agent) -> String {
    let verdict = verdicts.iter().find(|verdict| verdict.agent == agent).unwrap();
    match &verdict.outcome {
        Outcome::Loads => "loads".to_owned(),
        Outcome::Refuses { reason } => reason.clone(),
    }
}

/// What a case expects: the pattern, and a part of what Higress 2 says.
fn check(name: &str, verdicts: &[Verdict], expected: (&str, &str)) {
    assert_eq!(pattern(verdicts), expected.0, "{name}: {verdicts:#?}");
    let said = reason(verdicts, Agent::Higress2);
    assert!(said.contains(expected.1), "{name}: {said}");
}

const ALL_GATEWAYS: &str = "+++++-";
const FROM_1_16: &str = "-++++-";
const NOBODY: &str = "------";

#[test]
fn layer_types_and_their_order_decide() {
    let cases: [(&str, Manifest, (&str, &str)); 22] = [
        (
            "artifact, config first",
            image(OCI_EMPTY, &[WASM_MODULE_CONFIG, WASM_CONTENT_LAYER]),
            (ALL_GATEWAYS, "loads"),
        ),
        (
            "artifact, module first",
            image(OCI_EMPTY, &[WASM_CONTENT_LAYER, WASM_MODULE_CONFIG]),
            (ALL_GATEWAYS, "loads"),
        ),
        ("artifact, unrelated blob", image(OCI_EMPTY, &[WASM_CONTENT_LAYER, "x/y"]), (ALL_GATEWAYS, "loads")),
        (
            "artifact, 1 layer",
            image(OCI_EMPTY, &[WASM_CONTENT_LAYER]),
            (NOBODY, "it has 1 layer with a raw module"),
        ),
        (
            "artifact, 3 layers",
            image(OCI_EMPTY, &[WASM_SPEC, WASM_DOC, WASM_CONTENT_LAYER]),
            (NOBODY, "it has 3 layers with a raw module; agents take exactly two"),
        ),
        (
            "CNCF under another config",
            image(OCI_CONFIG, &[WASM]),
            (NOBODY, "`application/wasm` are not for gateways"),
        ),
        (
            "CNCF, 2 layers",
            image(WASM_CONFIG_V0, &[WASM, WASM]),
            (NOBODY, "`application/wasm` are not for gateways"),
        ),
        ("CNCF", image(WASM_CONFIG_V0, &[WASM]), ("-----+", "push with layout `compat`")),
        (
            "wasm-to-oci",
            image(WASM_TO_OCI_CONFIG, &[WASM_TO_OCI_LAYER]),
            (NOBODY, "`application/vnd.wasm.content.layer.v1+wasm` are not for gateways"),
        ),
        ("compat, 1 layer", image(OCI_CONFIG, &[OCI_LAYER_TAR_GZIP]), (ALL_GATEWAYS, "loads")),
        (
            "compat, more before",
            image(OCI_CONFIG, &[OCI_LAYER_TAR_GZIP, OCI_LAYER_TAR_GZIP]),
            (FROM_1_16, "loads"),
        ),
        (
            "Higress, tar last",
            image("application/vnd.unknown.config.v1+json", &[WASM_DOC, WASM_SPEC, OCI_LAYER_TAR_GZIP]),
            (FROM_1_16, "loads"),
        ),
        (
            "Higress, tar first",
            image(OCI_EMPTY, &[OCI_LAYER_TAR_GZIP, WASM_SPEC, WASM_DOC]),
            (NOBODY, "put the tar last"),
        ),
        (
            "docker",
            image_of(DOCKER_MANIFEST, Some(DOCKER_MANIFEST), DOCKER_CONFIG, &[DOCKER_LAYER_GZIP]),
            (ALL_GATEWAYS, "loads"),
        ),
        (
            "docker, 2 layers",
            image_of(
                DOCKER_MANIFEST,
                Some(DOCKER_MANIFEST),
                DOCKER_CONFIG,
                &[DOCKER_LAYER_GZIP, DOCKER_LAYER_GZIP],
            ),
            (FROM_1_16, "loads"),
        ),
        (
            "docker content type, no mediaType in the body",
            image_of(DOCKER_MANIFEST, None, DOCKER_CONFIG, &[DOCKER_LAYER_GZIP]),
            (NOBODY, "which under this manifest type must be `application/vnd.oci.image.layer.v1.tar+gzip`"),
        ),
        (
            "OCI content type, body says docker",
            image_of(OCI_MANIFEST, Some(DOCKER_MANIFEST), DOCKER_CONFIG, &[DOCKER_LAYER_GZIP]),
            (ALL_GATEWAYS, "loads"),
        ),
        (
            "OCI manifest, docker layer",
            image(OCI_CONFIG, &[DOCKER_LAYER_GZIP]),
            (NOBODY, "must be `application/vnd.oci."),
        ),
        (
            "docker manifest, OCI layer",
            image_of(DOCKER_MANIFEST, Some(DOCKER_MANIFEST), DOCKER_CONFIG, &[OCI_LAYER_TAR_GZIP]),
            (NOBODY, "must be `application/vnd.docker."),
        ),
        (
            "zstd",
            image(OCI_CONFIG, &[OCI_LAYER_TAR_ZSTD]),
            (NOBODY, "agents read only gzip: repack it with gzip"),
        ),
        ("plain tar", image(OCI_CONFIG, &[OCI_LAYER_TAR]), (NOBODY, "agents read only gzip")),
        ("no layers", image(OCI_CONFIG, &[]), (NOBODY, "has no layers")),
    ];
    for (name, manifest, expected) in cases {
        check(name, &verdicts(&manifest, None), expected);
    }
}

/// Verdicts on a compat image whose only layer holds `bytes`.
fn compat(bytes: &[u8]) -> Vec<Verdict> {
    let content = examine(Encoding::TarGzip, bytes, &Limits::default()).unwrap();
    verdicts(&image(OCI_CONFIG, &[OCI_LAYER_TAR_GZIP]), Some(&content))
}

#[test]
fn what_the_tar_holds_decides_too() {
    let module = plugin_module();
    let packed = |members: &[Member<'_>]| gzip(&tar(members));
    let cases = [
        ("plain", packed(&[file("plugin.wasm", &module)]), (ALL_GATEWAYS, "loads")),
        ("dot slash", packed(&[file("./plugin.wasm", &module)]), (ALL_GATEWAYS, "loads")),
        (
            "any directory",
            packed(&[special("a/", b'5'), file("a/b/plugin.wasm", &module)]),
            (ALL_GATEWAYS, "loads"),
        ),
        ("parent directory", packed(&[file("../plugin.wasm", &module)]), (ALL_GATEWAYS, "loads")),
        ("unterminated", gzip(&unterminated_tar(&[file("plugin.wasm", &module)])), (ALL_GATEWAYS, "loads")),
        (
            "two members",
            [packed(&[file("plugin.wasm", &module)]), gzip(b"")].concat(),
            (ALL_GATEWAYS, "loads"),
        ),
        (
            "other name",
            packed(&[file("main.wasm", &module)]),
            (NOBODY, "holds `main.wasm`, not `plugin.wasm`: rename"),
        ),
        ("other case", packed(&[file("Plugin.wasm", &module)]), (NOBODY, "rename the file")),
        ("name as suffix", packed(&[file("my-plugin.wasm", &module)]), (NOBODY, "rename the file")),
        ("nothing", packed(&[]), (NOBODY, "holds no `plugin.wasm`")),
        (
            "symlink",
            packed(&[special("plugin.wasm", b'2'), file("x", &module)]),
            (NOBODY, "is a symlink, which agents read"),
        ),
        ("hard link", packed(&[special("plugin.wasm", b'1')]), (NOBODY, "is a hard link")),
        ("directory", packed(&[special("plugin.wasm/", b'5')]), (NOBODY, "is a directory")),
        (
            "first of two wins",
            packed(&[file("a/plugin.wasm", &module), file("plugin.wasm", b"junk, and enough of it")]),
            (ALL_GATEWAYS, "loads"),
        ),
        (
            "first of two loses",
            packed(&[file("a/plugin.wasm", b"junk, and enough of it"), file("plugin.wasm", &module)]),
            (NOBODY, "`a/plugin.wasm` is no Wasm module"),
        ),
        (
            "unknown type",
            packed(&[Member { kind: b'V', ..file("plugin.wasm", &module) }]),
            (ALL_GATEWAYS, "loads"),
        ),
        (
            "oldest directory",
            packed(&[Member { kind: 0, ..file("plugin.wasm/", &module) }]),
            (NOBODY, "is a directory"),
        ),
        (
            "global records that name a path",
            packed(&[
                Member { kind: b'g', ..file("g", b"20 path=plugin.wasm\n") },
                file("plugin.wasm", &module),
            ]),
            (NOBODY, "is a special file"),
        ),
        (
            "GNU name wins over pax",
            packed(&[
                Member { kind: b'L', ..file("L", b"plugin.wasm\0") },
                Member { kind: b'x', ..file("x", b"15 path=x.wasm\n") },
                file("y", &module),
            ]),
            (ALL_GATEWAYS, "loads"),
        ),
        (
            "the last pax records count alone",
            packed(&[
                Member { kind: b'x', ..file("x", b"20 path=plugin.wasm\n") },
                Member { kind: b'x', ..file("x", b"13 comment=a\n") },
                file("y.wasm", &module),
            ]),
            (NOBODY, "holds `y.wasm`"),
        ),
        ("empty", packed(&[file("plugin.wasm", b"")]), (NOBODY, "is no Wasm module")),
        ("seven bytes", packed(&[file("plugin.wasm", b"\0asm\x01\0\0")]), (NOBODY, "is no Wasm module")),
        (
            "component",
            packed(&[file("plugin.wasm", &component())]),
            (NOBODY, "the agent hands it on and Envoy refuses it"),
        ),
        ("version 9", packed(&[file("plugin.wasm", b"\0asm\x09\0\0\0")]), (NOBODY, "has Wasm version 9")),
        (
            "zstd under a gzip type",
            zstd(&tar(&[file("plugin.wasm", &module)])),
            (NOBODY, "the last layer does not unpack"),
        ),
        ("raw under a gzip type", module.clone(), (NOBODY, "the last layer does not unpack")),
        ("cut", packed(&[file("plugin.wasm", &module)])[..90].to_vec(), (NOBODY, "does not unpack")),
    ];
    for (name, bytes, expected) in cases {
        check(name, &compat(&bytes), expected);
    }
}

#[test]
fn a_module_above_256_mib_fails_in_a_tar_and_is_cut_or_taken_raw() {
    let huge =
        Member { stated_size: Some(Limits::AGENT_BYTES + 1), ..file("plugin.wasm", b"\0asm\x01\0\0\0") };
    check("tar", &compat(&gzip(&tar(&[huge]))), (NOBODY, "more than 256 MiB, where agents fail"));

    let mut manifest = image(OCI_EMPTY, &[WASM_MODULE_CONFIG, WASM_CONTENT_LAYER]);
    let ManifestKind::Image { layers, .. } = &mut manifest.kind else { panic!("an image") };
    layers[1].size = Limits::AGENT_BYTES + 1;
    let raw = verdicts(&manifest, None);
    check("raw", &raw, ("++-+--", "loads"));
    assert!(reason(&raw, Agent::Istio1_30).contains("cut it there without an error"));
    assert!(reason(&raw, Agent::EnvoyGateway).contains("where agents fail"));
}

#[test]
fn a_raw_layer_must_be_the_module_itself() {
    let artifact = image(OCI_EMPTY, &[WASM_MODULE_CONFIG, WASM_CONTENT_LAYER]);
    let cases = [
        ("module", plugin_module(), (ALL_GATEWAYS, "loads")),
        ("gzip-compressed", gzip(&plugin_module()), (NOBODY, "is no Wasm module")),
        ("component", component(), (NOBODY, "Envoy refuses it; build a core module")),
    ];
    for (name, bytes, expected) in cases {
        let content = examine(Encoding::Raw, bytes.as_slice(), &Limits::default()).unwrap();
        check(name, &verdicts(&artifact, Some(&content)), expected);
    }
}

#[test]
fn wkg_and_runwasi_take_components_but_only_wasm() {
    let manifest = image(WASM_CONFIG_V0, &[WASM]);
    for (bytes, expected) in
        [(plugin_module(), "-----+"), (component(), "-----+"), (b"#!/bin/sh\n".to_vec(), NOBODY)]
    {
        let content = examine(Encoding::Raw, bytes.as_slice(), &Limits::default()).unwrap();
        assert_eq!(pattern(&verdicts(&manifest, Some(&content))), expected);
    }
    let other = verdicts(&image(OCI_CONFIG, &[WASM]), None);
    assert!(
        reason(&other, Agent::WkgRunwasi)
            .contains("the configuration is `application/vnd.oci.image.config.v1+json`")
    );
}

/// The forms that Higress users meet, by who makes them. Form F is B pushed again through docker, which never gets as
/// far as a manifest; form H, an index, has its own test.
#[test]
fn higress_forms_load_as_users_report() {
    let docker = |layers: &[&str]| image_of(DOCKER_MANIFEST, Some(DOCKER_MANIFEST), DOCKER_CONFIG, layers);
    let cases = [
        ("A: docker build", docker(&[DOCKER_LAYER_GZIP]), true),
        ("A: buildah", image(OCI_CONFIG, &[OCI_LAYER_TAR_GZIP]), true),
        ("B: oras, hgctl", image(OCI_EMPTY, &[WASM_SPEC, WASM_DOC, OCI_LAYER_TAR_GZIP]), true),
        ("C: C++ script", image(OCI_EMPTY, &[WASM_MODULE_CONFIG, WASM_CONTENT_LAYER]), true),
        ("D: v2.2.4 pipeline", image(OCI_EMPTY, &[WASM_CONTENT_LAYER]), false),
        ("E: three layers", image(OCI_EMPTY, &[WASM_SPEC, WASM_DOC, WASM_CONTENT_LAYER]), false),
        ("G: zstd", image(OCI_CONFIG, &[OCI_LAYER_TAR_ZSTD]), false),
        ("G: plain tar", image(OCI_CONFIG, &[OCI_LAYER_TAR]), false),
        ("I: wkg", image(WASM_CONFIG_V0, &[WASM]), false),
        ("I: wasm-to-oci", image(WASM_TO_OCI_CONFIG, &[WASM_TO_OCI_LAYER]), false),
        (
            "Spin",
            image(OCI_CONFIG, &[WASM_TO_OCI_LAYER, "application/vnd.fermyon.spin.application.v1+config"]),
            false,
        ),
    ];
    for (form, manifest, loads) in cases {
        let verdict = &verdicts(&manifest, None)[3];
        assert_eq!((verdict.agent, verdict.loads()), (Agent::Higress2, loads), "{form}: {verdict:?}");
    }
}

#[test]
fn form_h_an_index_loads_through_its_child_but_cannot_be_pinned() {
    let child = image(OCI_CONFIG, &[OCI_LAYER_TAR_GZIP]);
    let through = verdicts_through_index(Some((&child, None)));
    assert_eq!(pattern(&through), ALL_GATEWAYS);
    assert!(through[3].note.as_deref().unwrap().contains("the digest of an index cannot be pinned"));
    assert_eq!(through[5].note, None);

    let childless = verdicts_through_index(None);
    check("no child", &childless, (NOBODY, "no child for linux/amd64"));
    let body = br#"{"schemaVersion":2,"manifests":[]}"#;
    let index = Manifest::parse(&crate::oci::MediaType::known(media_type::OCI_INDEX), body).unwrap();
    check("index alone", &verdicts(&index, None), (NOBODY, "it is an index"));
}

#[test]
fn verdicts_read_well_as_json() {
    let json = serde_json::to_value(verdicts(&image(OCI_CONFIG, &[OCI_LAYER_TAR_ZSTD]), None)).unwrap();
    assert_eq!(json[3]["agent"], "higress-2");
    assert_eq!(json[3]["outcome"], "refuses");
    assert!(
        json[3]["reason"].as_str().unwrap().starts_with("the last layer is `application/vnd.oci.image.layer")
    );
    let json = serde_json::to_value(verdicts(&image(WASM_CONFIG_V0, &[WASM]), None)).unwrap();
    assert_eq!(json[5], serde_json::json!({"agent": "wkg-runwasi", "outcome": "loads"}));
}
