//! What is said of connections that cannot be made.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use hwasm_registry::client::{
    BlobSource, Connector, Credential, Credentials, Error, ErrorKind, NetworkCause, Options, RetryPolicy,
    Target as _,
};
use hwasm_registry::oci::RegistryHost;

use tokio_rustls::rustls;

use super::fake::{Fake, Seen, blob, options};

fn cause(error: &Error) -> Option<NetworkCause> {
    match error {
        Error::Network(failure) => Some(failure.cause),
        _ => None,
    }
}

async fn ping(host: &RegistryHost, options: Options) -> Result<(), Error> {
    Connector::new(options).registry(host)?.ping().await
}

#[tokio::test]
async fn a_server_that_answers_a_tls_hello_in_plain_text_is_named() {
    let fake = Fake::start().await;
    let error = ping(&fake.host, Options { insecure_skip_tls_verify: true, ..options() }).await.unwrap_err();
    assert_eq!(cause(&error), Some(NetworkCause::PlainHttp), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--plain-http")));
    assert!(error.to_string().starts_with(&format!("GET https://{}/v2/", fake.host)), "{error}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_and_an_unknown_host_are_given_up_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host: RegistryHost = listener.local_addr().unwrap().to_string().parse().unwrap();
    drop(listener);
    let patient = RetryPolicy { first_wait: std::time::Duration::from_mins(1), ..RetryPolicy::default() };
    let patient = Options { retry: patient, ..options() };
    let error = ping(&host, patient.clone()).await.unwrap_err();
    assert_eq!((cause(&error), error.kind()), (Some(NetworkCause::NobodyListens), ErrorKind::Network));
    assert!(error.hint().is_some_and(|hint| hint.contains("hwasm-registry serve")));
    let unknown = ping(&"registry.invalid".parse().unwrap(), patient).await;
    assert_eq!(cause(&unknown.unwrap_err()), Some(NetworkCause::UnknownHost));
}

/// A port that speaks TLS and answers 200 to everything.
async fn tls_server(directory: &Path) -> (RegistryHost, PathBuf) {
    serve_tls(directory, Router::new().fallback(async || http::StatusCode::OK)).await
}

/// Serves `router` with a certificate made for it, which is written to a file.
async fn serve_tls(directory: &Path, router: Router) -> (RegistryHost, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let ca_file = directory.join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = tcp.local_addr().unwrap().to_string().parse().unwrap();
    let listener = TlsListener { tcp, acceptor: tokio_rustls::TlsAcceptor::from(Arc::new(config)) };
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (host, ca_file)
}

struct TlsListener {
    tcp: tokio::net::TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

#[tokio::test]
async fn a_certificate_is_trusted_by_its_file_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let (host, ca_file) = tls_server(directory.path()).await;
    let trusting = Options { ca_file: Some(ca_file.clone()), ..options() };
    ping(&host, trusting).await.unwrap();
    ping(&host, Options { insecure_skip_tls_verify: true, ..options() }).await.unwrap();

    let other = tempfile::tempdir().unwrap();
    let (_, other_ca) = tls_server(other.path()).await;
    let error = ping(&host, Options { ca_file: Some(other_ca), ..options() }).await.unwrap_err();
    assert_eq!(cause(&error), Some(NetworkCause::UntrustedCertificate), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--ca-file")));

    std::fs::write(&ca_file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    for unusable in [ca_file, directory.path().join("absent.pem")] {
        let error = ping(&host, Options { ca_file: Some(unusable.clone()), ..options() }).await.unwrap_err();
        assert!(error.to_string().contains(&unusable.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_registry_behind_tls_may_not_have_passwords_sent_in_plain_text() {
    let (plain, directory) = (Fake::start().await, tempfile::tempdir().unwrap());
    let challenger = challenging_tls_server(directory.path(), &plain.host).await;
    let options = Options {
        insecure_skip_tls_verify: true,
        credentials: Credentials::Fixed(Credential::password("ada", "s3cret")),
        ..options()
    };
    let registry = Connector::new(options).registry(&challenger).unwrap();
    let error = registry.repository(&"a".parse().unwrap()).has_blob(&blob(b"x")).await.unwrap_err();
    assert!(error.to_string().contains("credentials sent in plain text"), "{error}");
    assert_eq!(plain.log().iter().map(Seen::line).collect::<Vec<_>>(), [""; 0]);
}

/// A TLS port that asks for a token from a server without TLS.
async fn challenging_tls_server(directory: &Path, token_host: &RegistryHost) -> RegistryHost {
    let challenge = format!(r#"Bearer realm="http://{token_host}/token",service="x""#);
    let router = Router::new().fallback(move || {
        let challenge = challenge.clone();
        async move { (http::StatusCode::UNAUTHORIZED, [(http::header::WWW_AUTHENTICATE, challenge)]) }
    });
    serve_tls(directory, router).await.0
}

#[tokio::test]
async fn an_upload_does_not_leave_https() {
    let directory = tempfile::tempdir().unwrap();
    let plain = Fake::start().await;
    let location = format!("http://{}/v2/team/a/blobs/uploads/1", plain.host);
    let router = Router::new().fallback(async move |method: http::Method| {
        let status = if method == http::Method::POST { 202 } else { 404 };
        (http::StatusCode::from_u16(status).unwrap(), [(http::header::LOCATION, location.clone())])
    });
    let (host, ca_file) = serve_tls(directory.path(), router).await;
    let registry = Connector::new(Options { ca_file: Some(ca_file), ..options() }).registry(&host).unwrap();
    let remote = registry.repository(&"team/a".parse().unwrap());
    let error = remote.put_blob(&blob(b"secret"), &BlobSource::bytes("secret")).await.unwrap_err();
    assert!(error.to_string().contains("from https to plain http"), "{error}");
    assert!(plain.log().is_empty(), "{:?}", plain.log());
}
