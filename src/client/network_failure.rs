use std::fmt;

use super::Request;

/// A request that got no usable answer.
#[derive(Debug)]
pub struct NetworkFailure {
    /// What was asked.
    pub request: Request,
    /// Why there was no answer.
    pub cause: NetworkCause,
    /// Every reason the layers below gave, outermost first.
    pub message: String,
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkCause {
    /// The host name does not resolve.
    UnknownHost,
    /// Nobody listens there, and nobody has answered there before.
    NobodyListens,
    /// Nobody answers, or nobody listens any more.
    Unreachable,
    /// The address is one that no request may go to: link-local, or a cloud's metadata service.
    ForbiddenAddress,
    /// The other side answers a TLS hello in plain text.
    PlainHttp,
    /// The server's certificate is not trusted.
    UntrustedCertificate,
    /// The connection broke or stood still.
    Broken,
}

impl fmt::Display for NetworkFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.cause {
            NetworkCause::UnknownHost => "the host name is not known",
            NetworkCause::NobodyListens | NetworkCause::Unreachable => "no connection",
            NetworkCause::ForbiddenAddress => "the address is not asked",
            NetworkCause::PlainHttp => "the server does not speak TLS",
            NetworkCause::UntrustedCertificate => "the server's certificate is not trusted",
            NetworkCause::Broken => "the connection broke",
        };
        write!(f, "{}: {what}: {}", self.request, self.message)
    }
}

impl std::error::Error for NetworkFailure {}

impl NetworkFailure {
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self.cause {
            NetworkCause::UnknownHost => Some("check the registry's name"),
            NetworkCause::NobodyListens => Some(
                "nothing listens on that port: check it, and that the registry runs (`hwasm-registry serve` is one)",
            ),
            NetworkCause::Unreachable => Some("check host and port, and that the registry runs"),
            NetworkCause::PlainHttp => Some("if the registry really has no TLS, use `--plain-http`"),
            NetworkCause::UntrustedCertificate => Some(
                "name the certificate authority with `--ca-file`, or accept any with `--insecure-skip-tls-verify`",
            ),
            NetworkCause::ForbiddenAddress | NetworkCause::Broken => None,
        }
    }
}
