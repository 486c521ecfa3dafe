use http::{HeaderMap, HeaderName, HeaderValue};

use crate::oci::Digest;

pub(super) const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub(super) const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
pub(super) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
pub(super) const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
pub(super) const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// A header value of text that our own grammars keep printable.
pub(super) fn value(text: &(impl std::fmt::Display + ?Sized)) -> HeaderValue {
    HeaderValue::try_from(text.to_string()).expect("names, digests and numbers are printable ASCII")
}

/// The entity tag of content that a digest addresses: strong, because equal digests mean equal bytes.
pub(super) fn etag(digest: &Digest) -> HeaderValue {
    etag_of(digest)
}

/// The strong entity tag of that text.
pub(super) fn etag_of(text: &(impl std::fmt::Display + ?Sized)) -> HeaderValue {
    value(&format!("\"{text}\""))
}

/// One header's value as text; `None` where it is absent or not printable.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A warning for people (distribution-spec 1.1.1, "Warnings"): code 299, no agent, quoted text without date.
pub(super) fn warning(text: &str) -> HeaderValue {
    const MAX_LEN: usize = 800;
    let quoted: String = text
        .chars()
        .take(MAX_LEN)
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain(std::iter::once(c)))
        .collect();
    value(&format!("299 - \"{quoted}\""))
}
