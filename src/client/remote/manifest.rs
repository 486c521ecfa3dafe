use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::Remote;
use super::call::Call;
use super::retry::is_not_found;
use super::scope::Scope;
use super::transport::Reply;
use crate::client::layout::check_new_manifest;
use crate::client::verify::verify_digest;
use crate::client::{Error, Expected, FetchedManifest, MANIFEST_LIMIT_BYTES, PutManifest, Receipt};
use crate::oci::{Descriptor, Digest, Manifest, MediaType, Reference, Tag, media_type};

pub(super) const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");

/// Some registries answer 404 to a manifest whose type is not asked for by name.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, */*";

impl Remote {
    /// `end-3` by HEAD: what `reference` stands for.
    pub(super) async fn resolve_manifest(&self, reference: &Reference) -> Result<Descriptor, Error> {
        let call = self.manifest_call(Method::HEAD, reference);
        let reply = self.registry.send(&call, &Scope::pull(&self.repository)).await?;
        let reply = reply.expect(&[StatusCode::OK]).await?;
        // Both headers are only a SHOULD; without them the body has to tell.
        let (Some(digest), Some(size)) = (stated_digest(&reply)?, stated_size(&reply)) else {
            return Ok(self.get_manifest(reference).await?.descriptor);
        };
        if let Reference::Digest(expected) = reference
            && digest != *expected
            && digest.algorithm() == expected.algorithm()
        {
            return Err(Error::DigestMismatch { expected: expected.clone(), actual: digest });
        }
        let digest = asked_or_stated(reference, digest);
        Ok(Descriptor::new(media_type_of(reply.headers()), digest, size))
    }

    /// `end-3`: the manifest that `reference` stands for.
    pub(super) async fn get_manifest(&self, reference: &Reference) -> Result<FetchedManifest, Error> {
        let call = self.manifest_call(Method::GET, reference);
        let what = format!("manifest `{reference}`");
        let scope = Scope::pull(&self.repository);
        let (headers, bytes) = self.registry.fetch(&call, &scope, (&what, MANIFEST_LIMIT_BYTES)).await?;
        let stated = headers.get(DOCKER_CONTENT_DIGEST).and_then(|value| value.to_str().ok()?.parse().ok());
        let digest = asked_or_stated(reference, stated.unwrap_or_else(|| Digest::sha256(&bytes)));
        verify_digest(&bytes, &digest)?;
        let descriptor = Descriptor::new(media_type_of(&headers), digest, bytes.len() as u64);
        Ok(FetchedManifest { descriptor, bytes })
    }

    /// `end-7`: stores a manifest under its reference and its further tags.
    pub(super) async fn push_manifest(&self, manifest: &PutManifest) -> Result<Receipt, Error> {
        check_new_manifest(manifest)?;
        let receipt = match manifest.all_tags().as_slice() {
            [] | [_] => self.put_under(manifest, &manifest.reference, &[]).await?.0,
            tags => self.put_under_all(manifest, tags).await?,
        };
        self.list_under_subject(manifest, receipt).await
    }

    /// One PUT names all tags where the registry knows how (distribution-spec's draft of `end-7b`); another for each
    /// tag that its answer leaves out. Where one tag has to name what is expected, it is put under that, the others besides.
    async fn put_under_all(&self, manifest: &PutManifest, tags: &[Tag]) -> Result<Receipt, Error> {
        let (first, tags) = match (&manifest.expected, &manifest.reference) {
            (Expected::Anything, _) | (_, Reference::Digest(_)) => {
                (Reference::Digest(manifest.digest()), tags)
            }
            (_, by_tag) => (by_tag.clone(), &tags[1..]),
        };
        let (mut receipt, done) = self.put_under(manifest, &first, tags).await?;
        for tag in tags.iter().filter(|tag| !done.contains(*tag)) {
            let (one, _) = self.put_under(manifest, &Reference::Tag(tag.clone()), &[]).await?;
            let news = one.warnings.into_iter().filter(|warning| !receipt.warnings.contains(warning));
            let news: Vec<_> = news.collect();
            receipt.warnings.extend(news);
        }
        Ok(receipt)
    }

    /// The receipt, and which of `tags` the registry says it set.
    async fn put_under(
        &self,
        manifest: &PutManifest,
        reference: &Reference,
        tags: &[Tag],
    ) -> Result<(Receipt, BTreeSet<Tag>), Error> {
        let mut call = self
            .manifest_call(Method::PUT, reference)
            .with_header(header::CONTENT_TYPE, manifest.media_type.as_str())
            .with_body(manifest.bytes.clone());
        if *reference == manifest.reference {
            call = expecting(call, &manifest.expected);
        }
        if !tags.is_empty() {
            call.url.query_pairs_mut().extend_pairs(tags.iter().map(|tag| ("tag", tag.as_str())));
        }
        let reply = self.registry.send(&call, &Scope::push(&self.repository)).await?;
        let reply = reply.expect(&[StatusCode::CREATED, StatusCode::OK, StatusCode::ACCEPTED]).await?;
        let expected = manifest.digest();
        if let Some(actual) = stated_digest(&reply)?
            .filter(|stated| stated.algorithm() == expected.algorithm() && *stated != expected)
        {
            return Err(Error::DigestMismatch { expected, actual });
        }
        Ok((read_receipt(&reply, expected), tags_in(reply.headers())))
    }

    /// `end-9`: removes a tag, or a manifest with all its tags.
    pub(super) async fn delete_manifest(&self, reference: &Reference) -> Result<(), Error> {
        let subject = match reference {
            Reference::Digest(_) => self.subject_of(reference).await?,
            Reference::Tag(_) => None,
        };
        let call = self.manifest_call(Method::DELETE, reference);
        let reply = self.registry.send(&call, &Scope::delete(&self.repository)).await?;
        let gone = [StatusCode::ACCEPTED, StatusCode::OK, StatusCode::NO_CONTENT];
        reply.expect(&gone).await?;
        match (subject, reference) {
            (Some(subject), Reference::Digest(digest)) => self.unlist(&subject, digest).await,
            _ => Ok(()),
        }
    }

    async fn subject_of(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        match self.get_manifest(reference).await {
            Ok(fetched) => Ok(fetched.parse().ok().and_then(|manifest| manifest.subject).map(|to| to.digest)),
            // The DELETE itself will say so better, or succeed.
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn manifest_call(&self, method: Method, reference: &Reference) -> Call {
        let url = self.registry.url(&format!("v2/{}/manifests/{reference}", self.path()));
        Call::new(method, url).with_header(header::ACCEPT, ACCEPT)
    }

    /// The repository's name within the API; Docker Hub keeps names without a `/` in `library`.
    pub(super) fn path(&self) -> String {
        let name = self.repository.as_str();
        let on_hub = matches!(self.registry.host().as_str(), "docker.io" | "index.docker.io");
        if on_hub && !name.contains('/') { format!("library/{name}") } else { name.to_owned() }
    }
}

/// `call`, to be done only where its tag names what is expected (RFC 9110, sections 13.1.1 and 13.1.2).
fn expecting(call: Call, expected: &Expected) -> Call {
    match expected {
        Expected::Anything => call,
        Expected::Absent => call.with_header(header::IF_NONE_MATCH, "*"),
        Expected::Digest(digest) => call.with_header(header::IF_MATCH, &format!("\"{digest}\"")),
    }
}

fn read_receipt(reply: &Reply, digest: Digest) -> Receipt {
    let values = |name| reply.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
    Receipt {
        digest,
        warnings: values(header::WARNING).filter_map(read_warning).collect(),
        subject: values(OCI_SUBJECT).find_map(|text| text.parse().ok()),
    }
}

/// The tags that `OCI-Tag` headers acknowledge, one in each or comma separated.
fn tags_in(headers: &HeaderMap) -> BTreeSet<Tag> {
    let texts = headers.get_all(OCI_TAG).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).filter_map(|tag| tag.trim().parse().ok()).collect()
}

/// The text of `299 - "text"` (distribution-spec 1.1.1, "Warnings").
fn read_warning(value: &str) -> Option<String> {
    let quoted = value.trim().strip_prefix("299 ")?.trim_start().split_once(' ')?.1.trim();
    let inner = quoted.strip_prefix('"')?;
    let mut text = String::new();
    let mut letters = inner.chars();
    loop {
        match letters.next()? {
            '"' => return Some(text),
            '\\' => text.push(letters.next()?),
            letter => text.push(letter),
        }
    }
}

/// The digest asked for by digest is the one to hold content against, whatever the registry states.
fn asked_or_stated(reference: &Reference, stated: Digest) -> Digest {
    match reference {
        Reference::Digest(asked) => asked.clone(),
        Reference::Tag(_) => stated,
    }
}

fn stated_digest(reply: &Reply) -> Result<Option<Digest>, Error> {
    match reply.header(&DOCKER_CONTENT_DIGEST).map(str::parse) {
        None => Ok(None),
        Some(Ok(digest)) => Ok(Some(digest)),
        Some(Err(error)) => Err(reply.protocol_error(format!("`Docker-Content-Digest`: {error}"))),
    }
}

fn stated_size(reply: &Reply) -> Option<u64> {
    reply.header(&header::CONTENT_LENGTH)?.parse().ok()
}

/// The type without parameters, which some registries add.
fn media_type_of(headers: &HeaderMap) -> MediaType {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.parse().unwrap_or_else(|_| MediaType::known(media_type::OCTET_STREAM))
}

/// A manifest to be stored, read.
pub(super) fn parse(manifest: &PutManifest) -> Option<Manifest> {
    Manifest::parse(&manifest.media_type, &manifest.bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_of_code_299_are_read() {
        for (value, text) in [
            (r#"299 - "Istio 1.15 cannot load it""#, Some("Istio 1.15 cannot load it")),
            (
                r#"299 registry.io "say \"no\" \\ now" "Thu, 01 Jan 2026 00:00:00 GMT""#,
                Some(r#"say "no" \ now"#),
            ),
            (r#"199 - "other""#, None),
            ("299 - unquoted", None),
            (r#"299 - "open"#, None),
            ("299", None),
        ] {
            assert_eq!(read_warning(value).as_deref(), text, "{value}");
        }
    }
}
