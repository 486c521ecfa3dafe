//! Manifests that are none, in tables: each is refused with the reason, and leaves nothing.

use crate::harness::{Footprint, Image, Refusal, Server, bytes_of, descriptor_of, digest_of};
use hwasm_registry::oci::media_type;
use reqwest::{Method, header};
use serde_json::{Value, json};

const NO_JSON: &str = "manifest is not a JSON object of type";

/// A server, and what it holds before anything bad comes.
async fn server() -> (Server, Footprint) {
    let server = Server::start().await;
    server.push("a", "v1", &Image::new(1)).await;
    let footprint = Footprint::of(server.data_dir()).await;
    (server, footprint)
}

/// The bytes of a valid manifest with these in place of `"schemaVersion":2`.
fn with(bytes: &[u8]) -> Vec<u8> {
    let manifest = String::from_utf8(Image::new(1).bytes).expect("JSON is UTF-8");
    let (before, after) = manifest.split_once("\"schemaVersion\":2").expect("the field is there");
    [before.as_bytes(), bytes, after.as_bytes()].concat()
}

#[tokio::test]
async fn what_is_not_one_json_object_is_refused() {
    let image = Image::new(1).bytes;
    let deep = |levels: usize| {
        with(format!("\"schemaVersion\":2,\"x\":{}{}", "[".repeat(levels), "]".repeat(levels)).as_bytes())
    };
    let manifest: Value = serde_json::from_slice(&image).unwrap();
    let fields =
        json!([2, media_type::OCI_MANIFEST, null, manifest["config"], manifest["layers"], null, null, null]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("space", b"  \n".to_vec()),
        ("text", b"hello".to_vec()),
        ("a module", b"\0asm\x01\0\0\0".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"7".to_vec()),
        ("an array", b"[]".to_vec()),
        ("fields in an array", fields.to_string().into_bytes()),
        ("cut off", image[..100].to_vec()),
        ("two values", [&image[..], b"{}"].concat()),
        ("a byte order mark", [b"\xef\xbb\xbf", &image[..]].concat()),
        ("UTF-16", "{}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("no UTF-8 in a known field", with(b"\"schemaVersion\":2,\"artifactType\":\"\xff\"")),
        ("no UTF-8 in an unknown field", with(b"\"schemaVersion\":2,\"x\":\"\xff\"")),
        ("a field twice", with(b"\"schemaVersion\":2,\"schemaVersion\":2")),
        ("another field twice", with(b"\"schemaVersion\":2,\"mediaType\":\"x/y\"")),
        ("200 levels", deep(200)),
        ("100,000 levels", deep(100_000)),
        ("no number", with(b"\"schemaVersion\":2,\"x\":NaN")),
        ("a number beyond numbers", with(b"\"schemaVersion\":1e400")),
        ("a comma too many", with(b"\"schemaVersion\":2,")),
    ];
    let cases = cases.into_iter().map(|(case, bytes)| (case, bytes, NO_JSON));
    refuses_manifests(media_type::OCI_MANIFEST, cases.collect()).await;
}

/// A valid manifest with `value` at `pointer`, such as `/config/size`.
fn changed(pointer: &str, value: Value) -> Vec<u8> {
    let change = |manifest: &mut Value| {
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
        manifest.pointer_mut(parent).expect("the parent is there")[field] = value;
    };
    Image::with(1, change).bytes
}

#[tokio::test]
async fn a_field_of_the_wrong_kind_is_refused() {
    let descriptor = descriptor_of(&Image::new(1));
    let values = json!([
        descriptor["mediaType"],
        descriptor["digest"],
        descriptor["size"],
        [],
        null,
        null,
        null,
        null
    ]);
    let cases = [
        ("/schemaVersion", json!(1), "no `schemaVersion` 2"),
        ("/schemaVersion", json!("2"), "no `schemaVersion` 2"),
        ("/schemaVersion", json!(null), "no `schemaVersion` 2"),
        ("/config", json!(null), "has no `config`"),
        ("/config", json!("x"), NO_JSON),
        ("/config", json!({}), "missing field"),
        ("/config", values.clone(), NO_JSON),
        ("/config/digest", json!("sha256:x"), "lower-case hex digits"),
        ("/config/digest", json!("md5:x"), "use sha256 or sha512"),
        ("/config/digest", json!(7), NO_JSON),
        ("/config/mediaType", json!("x"), NO_JSON),
        ("/config/size", json!(-1), "invalid value: integer `-1`"),
        ("/config/size", json!(0.5), NO_JSON),
        ("/config/size", json!("2"), NO_JSON),
        ("/config/size", json!(1.8e19), NO_JSON),
        ("/config/annotations", json!([]), NO_JSON),
        ("/layers", json!({}), NO_JSON),
        ("/layers", json!([null]), NO_JSON),
        ("/layers", json!([values]), NO_JSON),
        ("/manifests", json!([]), "must not have `manifests`"),
        ("/annotations", json!({ "a": 1 }), NO_JSON),
        ("/annotations", json!([]), NO_JSON),
        ("/subject", json!({ "size": 1 }), "missing field"),
        ("/subject", values, NO_JSON),
        ("/artifactType", json!(1), NO_JSON),
        ("/mediaType", json!(media_type::DOCKER_MANIFEST), "they must be the same"),
    ];
    let names: Vec<_> = cases.iter().map(|(pointer, value, _)| format!("{pointer} = {value}")).collect();
    let cases = names
        .iter()
        .zip(cases)
        .map(|(name, (pointer, value, message))| (name.as_str(), changed(pointer, value), message));
    refuses_manifests(media_type::OCI_MANIFEST, cases.collect()).await;
}

#[tokio::test]
async fn an_object_of_another_kind_is_refused() {
    let cases = vec![
        ("an empty object", b"{}".to_vec(), "no `schemaVersion` 2"),
        ("an index", Image::index(&[&Image::new(1)]).bytes, "must not have `manifests`"),
        ("only a version", br#"{"schemaVersion":2}"#.to_vec(), "has no `config`"),
    ];
    refuses_manifests(media_type::OCI_MANIFEST, cases).await;
}

#[tokio::test]
async fn what_is_not_an_index_is_refused() {
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("an image inside", Image::new(1).bytes, "must not have `config` or `layers`"),
        ("no children", br#"{"schemaVersion":2}"#.to_vec(), "has no `manifests`"),
        ("a child without digest", br#"{"schemaVersion":2,"manifests":[{}]}"#.to_vec(), "missing field"),
        (
            "children an object",
            br#"{"schemaVersion":2,"manifests":{}}"#.to_vec(),
            "is not a JSON object of type",
        ),
    ];
    refuses_manifests(media_type::OCI_INDEX, cases).await;
}

#[tokio::test]
async fn what_is_not_an_object_is_refused_under_any_type() {
    let deep = format!("{{\"x\":{}{}}}", "{\"y\":".repeat(200), "1".to_owned() + &"}".repeat(200));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no JSON", b"\0asm".to_vec(), "is not a JSON object of type"),
        ("an array", b"[null,null,null,null]".to_vec(), "is not a JSON object of type"),
        ("deep", deep.into_bytes(), "is not a JSON object of type"),
        ("no UTF-8", b"{\"x\":\"\xff\"}".to_vec(), "is not a JSON object of type"),
        ("a subject that is none", br#"{"subject":"x"}"#.to_vec(), "is not a JSON object of type"),
    ];
    refuses_manifests("application/vnd.example.any+json", cases).await;
}

async fn refuses_manifests(media_type: &str, cases: Vec<(&str, Vec<u8>, &str)>) {
    let (server, before) = server().await;
    for (case, bytes, message) in cases {
        for reference in ["v2".to_owned(), digest_of(&bytes)] {
            let path = format!("/v2/a/manifests/{reference}");
            let response = server.put_manifest(&path, media_type, bytes.clone()).await;
            assert_ne!(response.status(), 201, "{case}");
            let refusal = Refusal::of(response).await;
            refusal.says(400, "MANIFEST_INVALID", message, case);
        }
    }
    assert_eq!(Footprint::of(server.data_dir()).await, before, "something was stored");
}

#[tokio::test]
async fn manifests_of_types_that_are_none_are_refused() {
    let (server, before) = server().await;
    let cases = [
        "",
        "x",
        "json",
        "application/",
        "/json",
        "a/b/c",
        "application / json",
        "application/j son",
        "ü/ü",
        ";",
        "*",
    ];
    for media_type in cases {
        let value = header::HeaderValue::from_bytes(media_type.as_bytes()).unwrap();
        let request = server.request(Method::PUT, "/v2/a/manifests/v2").header(header::CONTENT_TYPE, value);
        let refusal = Refusal::of(request.body(Image::new(1).bytes).send().await.unwrap()).await;
        refusal.says(400, "MANIFEST_INVALID", "media type", media_type);
    }
    let untyped =
        Image::with(1, |manifest| drop(manifest.as_object_mut().unwrap().remove("mediaType"))).bytes;
    let refusal = Refusal::of(server.put("/v2/a/manifests/v2", untyped).await).await;
    refusal.says(
        400,
        "MANIFEST_INVALID",
        "neither a `Content-Type` header nor a `mediaType` field",
        "no type",
    );
    assert_eq!(Footprint::of(server.data_dir()).await, before);
}

#[tokio::test]
async fn a_manifest_that_points_at_what_is_not_there_names_it() {
    let (server, before) = server().await;
    let missing = bytes_of(7, 10);
    let image = Image::with(1, |manifest| {
        manifest["layers"] = json!([{"mediaType": "x/y", "digest": digest_of(&missing), "size": 10}]);
    });
    let response = server.put_manifest("/v2/a/manifests/v2", &image.media_type, image.bytes).await;
    Refusal::of(response).await.says(400, "MANIFEST_BLOB_UNKNOWN", &digest_of(&missing), "layer");
    let mut index: Value = serde_json::from_slice(&Image::index(&[&Image::new(1)]).bytes).unwrap();
    index["manifests"] = (0..9).map(|seed| descriptor_of(&Image::new(100 + seed))).collect();
    let response = server.put_manifest("/v2/a/manifests/v2", media_type::OCI_INDEX, index.to_string()).await;
    Refusal::of(response).await.says(400, "MANIFEST_BLOB_UNKNOWN", "and 4 more", "children");
    assert_eq!(Footprint::of(server.data_dir()).await, before);
}
