use bytes::Bytes;
use http::{Method, StatusCode, header};
use serde_json::json;
use url::Url;

use super::Remote;
use super::call::Call;
use super::list::next_page;
use super::manifest::parse;
use super::retry::is_not_found;
use super::scope::Scope;
use super::transport::Reply;
use crate::client::layout::{referrer_descriptor, referrers_tag};
use crate::client::{Error, MANIFEST_LIMIT_BYTES, PutManifest, Receipt};
use crate::oci::{Descriptor, Digest, Manifest, MediaType, Reference, media_type};

/// The most pages of one referrers list that are followed.
const PAGE_LIMIT: usize = 1000;

impl Remote {
    /// `end-12`: the manifests whose subject is `digest`; from the tag that stands in for the list where the registry
    /// has no referrers API.
    pub(super) async fn list_referrers(&self, digest: &Digest) -> Result<Vec<Descriptor>, Error> {
        match self.referrers_by_api(digest).await? {
            Some(found) => Ok(found),
            None => self.referrers_by_tag(digest).await,
        }
    }

    /// None where there is no such API. Some registries answer with a redirect to a web page instead of 404.
    async fn referrers_by_api(&self, digest: &Digest) -> Result<Option<Vec<Descriptor>>, Error> {
        let mut url = self.registry.url(&format!("v2/{}/referrers/{digest}", self.path()));
        let mut found = Vec::new();
        for _ in 0..PAGE_LIMIT {
            let Some((page, next)) = self.referrers_page(url).await? else { return Ok(None) };
            found.extend(page);
            match next {
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(Some(found))
    }

    async fn referrers_page(&self, url: Url) -> Result<Option<(Vec<Descriptor>, Option<Url>)>, Error> {
        let call = Call::new(Method::GET, url)
            .with_header(header::ACCEPT, media_type::OCI_INDEX)
            .keeping_redirects();
        let reply = self.registry.send(&call, &Scope::pull(&self.repository)).await?;
        let status = reply.status();
        let unknown = matches!(status.as_u16(), 400 | 404 | 405 | 406 | 501) || status.is_redirection();
        if unknown || (status.is_success() && !is_index(&reply)) {
            return Ok(None);
        }
        let reply = reply.expect(&[StatusCode::OK]).await?;
        let next = next_page(&reply)?;
        let broken = reply.protocol_error("the referrers list is not an image index");
        let bytes = reply.read_all("the referrers list", MANIFEST_LIMIT_BYTES).await?;
        match Manifest::parse(&MediaType::known(media_type::OCI_INDEX), &bytes) {
            Ok(list) => Ok(Some((list.children().to_vec(), next))),
            Err(_) => Err(broken),
        }
    }

    async fn referrers_by_tag(&self, digest: &Digest) -> Result<Vec<Descriptor>, Error> {
        match self.get_manifest(&Reference::Tag(referrers_tag(digest))).await {
            Ok(list) => Ok(list.parse().map(|list| list.children().to_vec()).unwrap_or_default()),
            Err(error) if is_not_found(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Adds a manifest with a subject to the list under the referrers tag where the registry did not list it itself
    /// (distribution-spec 1.1.1, "Pushing Manifests with Subject").
    pub(super) async fn list_under_subject(
        &self,
        manifest: &PutManifest,
        receipt: Receipt,
    ) -> Result<Receipt, Error> {
        let Some(parsed) = parse(manifest) else { return Ok(receipt) };
        let (Some(subject), None) = (&parsed.subject, &receipt.subject) else { return Ok(receipt) };
        if self.referrers_by_api(&subject.digest).await?.is_none() {
            let mut list = self.referrers_by_tag(&subject.digest).await?;
            if list.iter().all(|known| known.digest != receipt.digest) {
                list.push(referrer_descriptor(&manifest.descriptor(), &parsed));
                self.put_list(&subject.digest, &list).await?;
            }
        }
        Ok(Receipt { subject: Some(subject.digest.clone()), ..receipt })
    }

    /// Takes `gone` off the list under the referrers tag, where there is one.
    pub(super) async fn unlist(&self, subject: &Digest, gone: &Digest) -> Result<(), Error> {
        if self.referrers_by_api(subject).await?.is_some() {
            return Ok(());
        }
        let mut list = self.referrers_by_tag(subject).await?;
        let before = list.len();
        list.retain(|known| known.digest != *gone);
        if list.len() < before { self.put_list(subject, &list).await } else { Ok(()) }
    }

    async fn put_list(&self, subject: &Digest, list: &[Descriptor]) -> Result<(), Error> {
        let media_type = MediaType::known(media_type::OCI_INDEX);
        let index = json!({ "schemaVersion": 2, "mediaType": media_type.as_str(), "manifests": list });
        let call = self
            .manifest_call(Method::PUT, &Reference::Tag(referrers_tag(subject)))
            .with_header(header::CONTENT_TYPE, media_type.as_str())
            .with_body(Bytes::from(index.to_string()));
        let reply = self.registry.send(&call, &Scope::push(&self.repository)).await?;
        reply.expect(&[StatusCode::CREATED, StatusCode::OK, StatusCode::ACCEPTED]).await?;
        Ok(())
    }
}

fn is_index(reply: &Reply) -> bool {
    reply.header(&header::CONTENT_TYPE).is_some_and(|text| text.starts_with(media_type::OCI_INDEX))
}
