use std::net::IpAddr;

use super::{PullRead, Reader};
use crate::oci::{Reference, RepositoryName};

/// A read that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Noted {
    /// Who read.
    pub reader: Reader,
    /// Where.
    pub repository: RepositoryName,
    /// What.
    pub read: PullRead,
}

/// A manifest that was asked for, in the words of the request and its answer: of one that is like others before, no word is
/// copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotedManifest<'a> {
    /// The node that our own agents name.
    pub node: Option<&'a [u8]>,
    /// Where the connection comes from.
    pub address: Option<IpAddr>,
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// Where.
    pub repository: &'a RepositoryName,
    /// By this name.
    pub reference: &'a Reference,
    /// It was this one; none where there was none.
    pub digest: Option<&'a [u8]>,
    /// The status of the answer.
    pub status: u16,
}

impl From<NotedManifest<'_>> for Noted {
    fn from(manifest: NotedManifest<'_>) -> Self {
        let NotedManifest { node, address, user_agent, repository, reference, digest, status } = manifest;
        let reader = Reader::of(node, address, user_agent);
        let digest = digest.and_then(|digest| str::from_utf8(digest).ok()?.parse().ok());
        let read = PullRead::Manifest { reference: reference.clone(), digest, status };
        Self { reader, repository: repository.clone(), read }
    }
}
