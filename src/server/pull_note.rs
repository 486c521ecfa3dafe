use std::sync::Arc;

use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, Method, StatusCode, header};

use super::connection::Connection;
use super::header_fields::{DOCKER_CONTENT_DIGEST, text};
use crate::fleet::{AgentName, Ledger, Noted, PullRead, Reader};
use crate::oci::{Digest, Reference, RepositoryName};

/// By which our own agents say on which node they are.
const NODE_ID: HeaderName = HeaderName::from_static("hwasm-node-id");
/// What is kept of a `User-Agent`.
const USER_AGENT_LENGTH: usize = 200;

/// A read of content that the ledger is to know of.
pub(super) struct PullNote {
    reader: Reader,
    repository: RepositoryName,
    what: What,
}

enum What {
    Manifest(Reference),
    Layer(Digest),
    /// A tag, and the manifest that it names.
    Module(Reference, Digest),
}

/// A note that counts when the answer's body has been sent whole. In an answer's extensions.
#[derive(Clone)]
pub(super) struct NotedWhenSent(pub(super) Arc<Noted>);

impl PullNote {
    /// Of a request for a manifest.
    pub(super) fn manifest(head: &Parts, repository: &RepositoryName, reference: &Reference) -> Self {
        Self::new(head, repository, What::Manifest(reference.clone()))
    }

    /// Of a request for a layer.
    pub(super) fn layer(head: &Parts, repository: &RepositoryName, digest: &Digest) -> Self {
        Self::new(head, repository, What::Layer(digest.clone()))
    }

    /// Of a request for the module of an image as a file.
    pub(super) fn module(
        head: &Parts,
        repository: &RepositoryName,
        (reference, image): (&Reference, Digest),
    ) -> Self {
        Self::new(head, repository, What::Module(reference.clone(), image))
    }

    fn new(head: &Parts, repository: &RepositoryName, what: What) -> Self {
        let peer = head.extensions.get::<Connection>().and_then(|connection| connection.peer);
        let kept = |name: &HeaderName, length: usize| {
            // Printable ASCII, so that any byte is where a character ends.
            let text = text(&head.headers, name)?;
            Some(text[..text.len().min(length)].to_owned())
        };
        let reader = Reader {
            node: kept(&NODE_ID, AgentName::NODE_LENGTH).filter(|node| !node.is_empty()),
            address: peer.map(|peer| peer.ip()),
            user_agent: kept(&header::USER_AGENT, USER_AGENT_LENGTH),
        };
        Self { reader, repository: repository.clone(), what }
    }

    /// Notes that there was no such manifest, or it was not given.
    pub(super) fn refused(self, ledger: &Ledger, status: StatusCode) {
        let Self { reader, repository, what } = self;
        if let What::Manifest(reference) = what {
            let read = PullRead::Manifest { reference, digest: None, status: status.as_u16() };
            ledger.note(Noted { reader, repository, read });
        }
    }

    /// Notes what became of the request: at once, or where its body is what counts when that has been sent.
    pub(super) fn settle(self, ledger: &Ledger, method: &Method, response: &mut Response) {
        let (status, is_read) = (response.status(), *method == Method::GET);
        let sent = |response: &mut Response, noted| {
            response.extensions_mut().insert(NotedWhenSent(Arc::new(noted)));
        };
        let Self { reader, repository, what } = self;
        match what {
            What::Manifest(reference) => {
                let (digest, status) = (given(response), status.as_u16());
                let read = PullRead::Manifest { reference, digest, status };
                ledger.note(Noted { reader, repository, read });
            }
            What::Layer(digest) if is_read && status == StatusCode::OK => {
                let read = PullRead::Layer { digest, bytes: length(response) };
                sent(response, Noted { reader, repository, read });
            }
            What::Module(reference, image) if is_read && status == StatusCode::OK => {
                let read = PullRead::Module { reference, digest: image, bytes: length(response) };
                sent(response, Noted { reader, repository, read });
            }
            What::Module(reference, image)
                if status == StatusCode::OK || status == StatusCode::NOT_MODIFIED =>
            {
                let read = PullRead::Module { reference, digest: image, bytes: 0 };
                ledger.note(Noted { reader, repository, read });
            }
            What::Layer(_) | What::Module(..) => {}
        }
    }
}

/// The manifest of an answer; one that only says that the client has it (304) names it by its entity tag.
fn given(response: &Response) -> Option<Digest> {
    let named = text(response.headers(), &DOCKER_CONTENT_DIGEST);
    named.or(text(response.headers(), &header::ETAG))?.trim_matches('"').parse().ok()
}

fn length(response: &Response) -> u64 {
    let length = text(response.headers(), &header::CONTENT_LENGTH);
    length.and_then(|length| length.parse().ok()).unwrap_or_default()
}
