use std::io;
use std::path::PathBuf;

use super::{NetworkFailure, Refusal, Request, refusal};
use crate::oci::{Digest, ManifestError, MediaType, RegistryHost, Tag};

/// Why content did not move. [`Error::kind`] sorts it; [`Error::hint`] says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry answered, and the answer is no.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The registry could not be reached, or the connection broke and did not mend.
    #[error(transparent)]
    Network(Box<NetworkFailure>),
    /// The registry answered something its protocol does not allow.
    #[error("{request}: the answer breaks the distribution protocol: {problem}")]
    Protocol {
        /// What was asked.
        request: Box<Request>,
        /// What is wrong with the answer.
        problem: String,
    },
    /// The registry is of another kind than ours, and does not tell this.
    #[error("registry `{registry}` has no {what} to tell of")]
    Lacks {
        /// The registry.
        registry: RegistryHost,
        /// Such as `events`.
        what: &'static str,
    },
    /// Content is not what its digest says.
    #[error("content hashes to `{actual}`, expected `{expected}`")]
    DigestMismatch {
        /// The digest asked for.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
    },
    /// Content is shorter or longer than its descriptor says.
    #[error("blob `{digest}` has {actual} bytes or more, expected {expected}")]
    SizeMismatch {
        /// The blob.
        digest: Digest,
        /// The size asked for.
        expected: u64,
        /// How many bytes were seen.
        actual: u64,
    },
    /// A document is larger than we are willing to hold.
    #[error("{what} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// Which document.
        what: String,
        /// The named limit.
        limit_bytes: u64,
    },
    /// A layout or bundle does not hold what was asked for.
    #[error("`{place}` holds no {what}")]
    Absent {
        /// The layout or bundle.
        place: PathBuf,
        /// Such as ``tag `1.0` ``.
        what: String,
    },
    /// A manifest that has to be followed cannot be read.
    #[error("manifest `{digest}` cannot be followed: {source}")]
    Manifest {
        /// The manifest.
        digest: Digest,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// A manifest of a type that nobody knows how to follow: its blobs would be left behind.
    #[error("manifest `{digest}` is of type `{media_type}`; only images and indexes can be copied whole")]
    UnknownManifest {
        /// The manifest.
        digest: Digest,
        /// Its type.
        media_type: MediaType,
    },
    /// Indexes within indexes, or referrers of referrers, beyond what any tool writes.
    #[error("manifest `{digest}` lies more than {limit} levels below the image")]
    TooDeep {
        /// The manifest at which we stopped.
        digest: Digest,
        /// The named limit.
        limit: usize,
    },
    /// A directory or file is not what it should be.
    #[error("`{path}` is not a usable {expected}: {problem}")]
    Malformed {
        /// The directory or file.
        path: PathBuf,
        /// Such as `OCI image layout`.
        expected: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The file system said no.
    #[error("cannot {action} `{path}`: {source}")]
    File {
        /// Such as `read`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Another process wrote the file between our reading and our writing it.
    #[error("`{0}` was changed by somebody else meanwhile, and was left as it is now")]
    Changed(PathBuf),
    /// A tag does not name what the caller expects; nothing was stored.
    #[error("tag `{tag}` {}, not what was expected", names(.current.as_ref()))]
    TagChanged {
        /// The tag.
        tag: Tag,
        /// What it names.
        current: Option<Digest>,
    },
    /// A credential helper failed.
    #[error("credential helper `{helper}` failed: {problem}")]
    CredentialHelper {
        /// The helper's program.
        helper: String,
        /// What it said.
        problem: String,
    },
}

/// What an error means for the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The image, tag, blob, repository or file does not exist.
    NotFound,
    /// Credentials are missing or wrong.
    Unauthorized,
    /// The credentials are known, and do not suffice.
    Denied,
    /// The registry did not answer, or is overloaded.
    Network,
    /// Content is not what its digest or size says.
    Corrupt,
    /// The registry refuses the content or the operation.
    Refused,
    /// A tag names something else than the caller expects, or may not be moved.
    Conflict,
    /// Something on this machine: files, permissions, credential helpers.
    Local,
}

impl Error {
    /// What the error means for the one who asked.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(refusal) => refusal.kind(),
            Self::Network(_) => ErrorKind::Network,
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } => ErrorKind::Corrupt,
            Self::Absent { .. } => ErrorKind::NotFound,
            Self::TagChanged { .. } => ErrorKind::Conflict,
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorKind::NotFound,
            Self::File { .. } | Self::Changed(_) | Self::CredentialHelper { .. } | Self::Malformed { .. } => {
                ErrorKind::Local
            }
            Self::Protocol { .. }
            | Self::Lacks { .. }
            | Self::UnknownManifest { .. }
            | Self::TooLarge { .. }
            | Self::Manifest { .. }
            | Self::TooDeep { .. } => ErrorKind::Refused,
        }
    }

    /// What to do about it, where that is known: a sentence for people.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused(refusal) => refusal.hint(),
            Self::Network(failure) => failure.hint(),
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } => {
                Some("the content was damaged on its way or at its source; nothing of it was kept")
            }
            Self::Changed(_) => Some("run the command again"),
            Self::TagChanged { .. } => Some(refusal::TAG_CHANGED),
            Self::Lacks { .. } => Some("a registry that runs as `hwasm-registry serve` has it"),
            Self::Protocol { .. } => Some("this address may not be an OCI registry; check host and port"),
            _ => None,
        }
    }

    /// The HTTP status, where a registry refused.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    /// A closure for `map_err` on file operations.
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

fn names(digest: Option<&Digest>) -> String {
    digest.map_or_else(|| "does not exist".to_owned(), |digest| format!("names `{digest}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(method: &str, status: u16, code: Option<&str>) -> Error {
        Error::Refused(Box::new(Refusal {
            request: Request { method: method.to_owned(), url: "https://r.io/v2/a/manifests/1".to_owned() },
            status,
            code: code.map(str::to_owned),
            message: "because".to_owned(),
            retry_after: None,
        }))
    }

    #[test]
    fn a_refusal_says_what_was_tried_and_what_came_back() {
        let error = refusal("GET", 404, Some("MANIFEST_UNKNOWN"));
        assert_eq!(
            error.to_string(),
            "GET https://r.io/v2/a/manifests/1: registry answered 404 Not Found, MANIFEST_UNKNOWN: because"
        );
    }

    #[test]
    fn kinds_and_hints_follow_the_status() {
        let cases = [
            ("GET", 401, None, ErrorKind::Unauthorized, "login"),
            ("GET", 403, Some("DENIED"), ErrorKind::Denied, "another user"),
            ("GET", 404, Some("NAME_UNKNOWN"), ErrorKind::NotFound, "no such repository"),
            ("GET", 404, Some("MANIFEST_UNKNOWN"), ErrorKind::NotFound, "no such tag"),
            ("GET", 404, None, ErrorKind::NotFound, "may not be an OCI registry"),
            ("DELETE", 405, Some("UNSUPPORTED"), ErrorKind::Refused, "digest instead of the tag"),
            ("HEAD", 404, None, ErrorKind::NotFound, "tag or digest"),
            ("DELETE", 400, Some("DIGEST_INVALID"), ErrorKind::Refused, "digest instead of the tag"),
            ("GET", 429, None, ErrorKind::Network, "limits requests"),
            ("PUT", 409, Some("DENIED"), ErrorKind::Conflict, "another tag"),
            ("PUT", 412, Some("DENIED"), ErrorKind::Conflict, "what it names now"),
            ("DELETE", 409, Some("DENIED"), ErrorKind::Conflict, "neither move nor go"),
            ("PUT", 507, None, ErrorKind::Refused, "disk is full"),
        ];
        for (method, status, code, kind, hint) in cases {
            let error = refusal(method, status, code);
            assert_eq!(error.kind(), kind, "{status}");
            assert!(error.hint().is_some_and(|text| text.contains(hint)), "{status}");
        }
        assert_eq!(refusal("GET", 503, None).kind(), ErrorKind::Network);
        assert_eq!(refusal("GET", 400, None).hint(), None);
    }
}
