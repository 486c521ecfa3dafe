//! Challenges and what answers them.

use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use http::{Method, StatusCode};
use hwasm_registry::client::{
    BlobSource, Connector, Credential, CredentialFiles, Credentials, Error, ErrorKind, Options, Secret,
    Stored, Target as _, login, logout,
};
use hwasm_registry::oci::Reference;

use super::fake::{Fake, Seen, blob, options, parameter, status, with_headers};

/// The same options for a user whose password is `s3cret`.
pub(crate) fn as_ada(options: Options) -> Options {
    Options { credentials: Credentials::Fixed(Credential::password("ada", "s3cret")), ..options }
}

fn basic(user: &str, password: &str) -> String {
    let pair = format!("{user}:{password}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

fn token(text: &str) -> Response {
    format!(r#"{{"token":"{text}","expires_in":300}}"#).into_response()
}

/// Lets requests pass that show the token `wanted`; challenges others with a token server on the same host.
fn demand_token(fake: &Fake, method: Method, wanted: &'static str) {
    let host = fake.host.clone();
    fake.on((method, "/v2/"), usize::MAX, move |seen| {
        if seen.header("authorization") == Some(&format!("Bearer {wanted}")) {
            return None;
        }
        let challenge = format!(
            r#"Bearer realm="http://{host}/token?x=1",service="fake",scope="repository:team/a:pull""#
        );
        Some(with_headers(401, &[("www-authenticate", &challenge)]))
    });
}

fn scopes(seen: &Seen) -> Vec<String> {
    let pairs = url::form_urlencoded::parse(seen.uri.query().unwrap_or_default().as_bytes());
    pairs.filter(|(name, _)| name == "scope").map(|(_, value)| value.into_owned()).collect()
}

#[tokio::test]
async fn a_token_is_fetched_once_and_kept() {
    let fake = Fake::start().await;
    let held = fake.hold_blob(b"hello");
    for method in [Method::GET, Method::HEAD] {
        demand_token(&fake, method, "t1");
    }
    fake.on((Method::GET, "/token"), 10, |_| Some(token("t1")));
    let remote = fake.remote_with(as_ada(options()));
    for _ in 0..3 {
        assert!(remote.has_blob(&held).await.unwrap());
    }
    let _content = remote.fetch_blob(&held).await.unwrap();
    let asked: Vec<_> = fake.log().into_iter().filter(|seen| seen.uri.path() == "/token").collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("authorization"), Some(basic("ada", "s3cret").as_str()));
    assert_eq!(parameter(&asked[0], "service").as_deref(), Some("fake"));
    assert_eq!(parameter(&asked[0], "x").as_deref(), Some("1"));
    assert_eq!(scopes(&asked[0]), ["repository:team/a:pull"]);
    assert_eq!(fake.count(&Method::HEAD, "/blobs/"), 4, "one refused, three answered");
}

#[tokio::test]
async fn a_push_asks_for_a_wider_token_and_a_mount_for_its_source_too() {
    let fake = Fake::start().await;
    fake.hold_blob(b"hello");
    for method in [Method::HEAD, Method::POST] {
        demand_token(&fake, method, "t1");
    }
    fake.on((Method::GET, "/token"), 10, |_| Some(token("t1")));
    fake.on((Method::HEAD, "/team/a/blobs/"), 2, |seen| {
        seen.header("authorization").and_then(|_| status(404))
    });
    let connector = Connector::new(options());
    let registry = connector.registry(&fake.host).unwrap();
    let source = BlobSource::target(std::sync::Arc::new(registry.repository(&"other/b".parse().unwrap())));
    let remote = registry.repository(&"team/a".parse().unwrap());
    remote.put_blob(&blob(b"hello"), &source).await.unwrap();
    let asked: Vec<_> = fake.log().iter().filter(|seen| seen.uri.path() == "/token").map(scopes).collect();
    assert_eq!(
        asked,
        [vec!["repository:team/a:pull"], vec!["repository:other/b:pull", "repository:team/a:pull,push"]]
    );
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let fake = Fake::start().await;
    let held = fake.hold_blob(b"hello");
    demand_token(&fake, Method::HEAD, "t2");
    let mut tokens = vec![token("t2"), token("t1")];
    fake.on((Method::GET, "/token"), 2, move |_| tokens.pop());
    let remote = fake.remote();
    let refused = remote.has_blob(&held).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unauthorized);
    assert!(remote.has_blob(&held).await.unwrap());
    assert_eq!(fake.count(&Method::GET, "/token"), 2);
}

#[tokio::test]
async fn an_identity_token_is_posted_and_falls_back_to_get() {
    let fake = Fake::start().await;
    let held = fake.hold_blob(b"hello");
    demand_token(&fake, Method::HEAD, "t1");
    let identity = || Options {
        credentials: Credentials::Fixed(Credential::IdentityToken(Secret::new("id"))),
        ..options()
    };
    fake.on((Method::POST, "/token"), 1, |seen| {
        assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
        Some(r#"{"access_token":"t1"}"#.into_response())
    });
    assert!(fake.remote_with(identity()).has_blob(&held).await.unwrap());
    assert_eq!(fake.count(&Method::GET, "/token"), 0);

    fake.on((Method::POST, "/token"), 1, |_| status(405));
    fake.on((Method::GET, "/token"), 1, |seen| {
        assert_eq!(seen.header("authorization"), Some(basic("<token>", "id").as_str()));
        Some(token("t1"))
    });
    assert!(fake.remote_with(identity()).has_blob(&held).await.unwrap());
}

#[tokio::test]
async fn basic_credentials_are_shown_only_once_asked_for() {
    let fake = Fake::start().await;
    let held = fake.hold_blob(b"hello");
    fake.on((Method::HEAD, "/v2/"), 10, |seen| match seen.header("authorization") {
        Some(shown) if shown == basic("ada", "s3cret") => None,
        _ => Some(with_headers(401, &[("www-authenticate", "Basic realm=\"r\"")])),
    });
    let remote = fake.remote_with(as_ada(options()));
    assert!(remote.has_blob(&held).await.unwrap());
    assert_eq!(fake.log()[0].header("authorization"), None);

    let wrong = Credentials::Fixed(Credential::password("ada", "wrong"));
    let error =
        fake.remote_with(Options { credentials: wrong, ..options() }).has_blob(&held).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.hint().is_some_and(|hint| hint.contains("login")));
    let anonymous = fake.remote().has_blob(&held).await.unwrap_err();
    assert_eq!(anonymous.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn denied_is_not_unauthorized() {
    let fake = Fake::start().await;
    fake.on((Method::GET, "/manifests/"), 1, |_| {
        Some(
            (StatusCode::FORBIDDEN, r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#)
                .into_response(),
        )
    });
    let reference: Reference = "1".parse().unwrap();
    let error = fake.remote().fetch_manifest(&reference).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().ends_with("403 Forbidden, DENIED: not yours"), "{error}");
}

#[tokio::test]
async fn no_message_holds_a_secret() {
    let fake = Fake::start().await;
    let challenge = format!(r#"Bearer realm="http://u:pw@{}/token?key=hidden",service="fake""#, fake.host);
    fake.on((Method::GET, "/v2/"), 5, move |_| Some(with_headers(401, &[("www-authenticate", &challenge)])));
    fake.on((Method::GET, "/token"), 5, |_| status(403));
    let options = as_ada(options());
    let error = Connector::new(options.clone()).registry(&fake.host).unwrap().ping().await.unwrap_err();
    let shown = format!("{error} {error:?} {options:?}");
    for secret in ["s3cret", "hidden", "u:pw", &basic("ada", "s3cret")] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(error.to_string().contains("/token?key=***&service=fake"), "{error}");
}

#[tokio::test]
async fn a_token_server_that_talks_nonsense_is_named() {
    let fake = Fake::start().await;
    demand_token(&fake, Method::HEAD, "t");
    for answer in ["", "{}", r#"{"token":""}"#, "[1]"] {
        fake.on((Method::GET, "/token"), 1, move |_| Some(answer.into_response()));
        let error = fake.remote().has_blob(&blob(b"x")).await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }) && error.to_string().contains("/token"), "{error}");
    }
}

#[tokio::test]
async fn a_login_is_checked_before_it_is_kept() {
    let fake = Fake::start().await;
    fake.on((Method::GET, "/v2/"), 10, |seen| match seen.header("authorization") {
        Some(shown) if shown == basic("ada", "s3cret") => None,
        _ => Some(with_headers(401, &[("www-authenticate", "Basic realm=\"r\"")])),
    });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    let files = CredentialFiles::at(&path);
    let wrong = login(&fake.host, ("ada", &Secret::new("wrong")), &files, &options()).await.unwrap_err();
    assert_eq!((wrong.kind(), path.exists()), (ErrorKind::Unauthorized, false));

    let done = login(&fake.host, ("ada", &Secret::new("s3cret")), &files, &options()).await.unwrap();
    assert_eq!((done.stored, done.checked), (Stored::File(path.clone()), true));
    let stored = Options { credentials: Credentials::Files(files.clone()), ..options() };
    Connector::new(stored).registry(&fake.host).unwrap().ping().await.unwrap();
    assert_eq!(logout(&fake.host, &files).await.unwrap(), [Stored::File(path)]);
    assert_eq!(logout(&fake.host, &files).await.unwrap(), []);
}

#[tokio::test]
async fn a_login_at_a_registry_that_asks_nobody_says_so() {
    let fake = Fake::start().await;
    let directory = tempfile::tempdir().unwrap();
    let files = CredentialFiles::at(directory.path().join("config.json"));
    let done = login(&fake.host, ("ada", &Secret::new("x")), &files, &options()).await.unwrap();
    assert!(!done.checked);
}
