use std::borrow::Cow;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use crate::oci::{Digest, ErrorCode, Reference, RepositoryName};
use crate::registry::UploadId;
use crate::server::problem::Problem;

/// The resource that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `end-1`: `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `end-8`: `/v2/<name>/tags/list`
    Tags(RepositoryName),
    /// `end-12`: `/v2/<name>/referrers/<digest>`
    Referrers(RepositoryName, Digest),
    /// `end-3`, `end-7`, `end-9`: `/v2/<name>/manifests/<reference>`
    Manifest(RepositoryName, Reference),
    /// `end-2`, `end-10`: `/v2/<name>/blobs/<digest>`
    Blob(RepositoryName, Digest),
    /// `end-4`, `end-11`: `/v2/<name>/blobs/uploads/`
    Uploads(RepositoryName),
    /// `end-5`, `end-6`, `end-13`, `end-14`: `/v2/<name>/blobs/uploads/<id>`
    Upload(RepositoryName, UploadId),
}

impl Endpoint {
    /// Reads a path from its right end: repository names contain slashes, and may even end in `blobs`.
    pub(super) fn parse(path: &str) -> Result<Self, Problem> {
        let path = percent_decode_str(path).decode_utf8().map_err(|_| {
            Problem::bad_request(ErrorCode::NameInvalid, "the path is not percent-encoded UTF-8")
        })?;
        let rest = path.strip_prefix("/v2").unwrap_or(&path).strip_prefix('/').unwrap_or("");
        match rest {
            "" => return Ok(Self::Base),
            "_catalog" => return Ok(Self::Catalog),
            _ => {}
        }
        let mut parts = rest.rsplitn(4, '/').map(Cow::from);
        let (last, second, third) = (next(&mut parts), next(&mut parts), next(&mut parts));
        let name = |suffix: &[&Cow<'_, str>]| {
            let suffix_len: usize = suffix.iter().map(|part| part.len() + 1).sum();
            rest.len().checked_sub(suffix_len).map_or("", |end| &rest[..end]).parse::<RepositoryName>()
        };
        match (third.as_ref(), second.as_ref(), last.as_ref()) {
            (_, "tags", "list") => Ok(Self::Tags(name(&[&second, &last])?)),
            (_, "manifests", reference) => Ok(Self::Manifest(name(&[&second, &last])?, reference.parse()?)),
            (_, "referrers", subject) => Ok(Self::Referrers(name(&[&second, &last])?, subject.parse()?)),
            ("blobs", "uploads", "") => Ok(Self::Uploads(name(&[&third, &second, &last])?)),
            ("blobs", "uploads", id) => Ok(Self::Upload(name(&[&third, &second, &last])?, upload_id(id)?)),
            (_, "blobs", "uploads") => Ok(Self::Uploads(name(&[&second, &last])?)),
            (_, "blobs", content) => Ok(Self::Blob(name(&[&second, &last])?, content.parse()?)),
            _ => {
                Err(Problem::not_found(ErrorCode::Unsupported, "the path is none of the distribution API's"))
            }
        }
    }

    /// The endpoint's name in logs and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Catalog => "catalog",
            Self::Tags(_) => "tags",
            Self::Referrers(..) => "referrers",
            Self::Manifest(..) => "manifest",
            Self::Blob(..) => "blob",
            Self::Uploads(_) => "uploads",
            Self::Upload(..) => "upload",
        }
    }
}

fn next<'a>(parts: &mut impl Iterator<Item = Cow<'a, str>>) -> Cow<'a, str> {
    parts.next().unwrap_or_default()
}

fn upload_id(text: &str) -> Result<UploadId, Problem> {
    UploadId::from_str(text)
        .map_err(|_| Problem::not_found(ErrorCode::BlobUploadUnknown, "the upload id is none that we gave"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_the_right() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let id = "0191e0a6-7f8e-4c6e-8a53-3c86c1c1a5a1";
        let name = |text: &str| text.parse::<RepositoryName>().unwrap();
        let cases = [
            ("/v2".to_owned(), Endpoint::Base),
            ("/v2/".to_owned(), Endpoint::Base),
            ("/v2/_catalog".to_owned(), Endpoint::Catalog),
            ("/v2/a/tags/list".to_owned(), Endpoint::Tags(name("a"))),
            ("/v2/a/manifests/tags/list".to_owned(), Endpoint::Tags(name("a/manifests"))),
            (
                "/v2/a/b/c/d/e/f/g/h/manifests/x".to_owned(),
                Endpoint::Manifest(name("a/b/c/d/e/f/g/h"), "x".parse().unwrap()),
            ),
            (
                "/v2/a/tags/manifests/list".to_owned(),
                Endpoint::Manifest(name("a/tags"), "list".parse().unwrap()),
            ),
            (
                format!("/v2/team/blobs/blobs/{digest}"),
                Endpoint::Blob(name("team/blobs"), digest.parse().unwrap()),
            ),
            (
                format!("/v2/a/blobs/sha256%3A{}", "0".repeat(64)),
                Endpoint::Blob(name("a"), digest.parse().unwrap()),
            ),
            (format!("/v2/a/referrers/{digest}"), Endpoint::Referrers(name("a"), digest.parse().unwrap())),
            ("/v2/a/blobs/uploads/".to_owned(), Endpoint::Uploads(name("a"))),
            ("/v2/a/blobs/uploads".to_owned(), Endpoint::Uploads(name("a"))),
            (format!("/v2/a/blobs/uploads/{id}"), Endpoint::Upload(name("a"), id.parse().unwrap())),
            (
                "/v2/a/blobs/uploads/manifests/x".to_owned(),
                Endpoint::Manifest(name("a/blobs/uploads"), "x".parse().unwrap()),
            ),
        ];
        for (path, expected) in cases {
            assert_eq!(Endpoint::parse(&path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn malformed_paths_are_refused() {
        let bad = [
            "/v2/a",
            "/v2/a/b",
            "/v2//manifests/x",
            "/v2/manifests/x",
            "/v2/A/manifests/x",
            "/v2/a/manifests/",
            "/v2/a/manifests/sha256:x",
            "/v2/a/blobs/x",
            "/v2/a/../b/manifests/x",
            "/v2/a/blobs/uploads/x",
            "/v2/a%2F..%2Fb/manifests/x",
            "/v2/a/manifests/%ff",
            "/v2/tags/list",
            "/v2/a/tags/list/",
        ];
        for path in bad {
            assert!(Endpoint::parse(path).is_err(), "{path}");
        }
    }
}
