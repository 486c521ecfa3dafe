use std::str::FromStr;

use http::{Method, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::call::Call;
use super::scope::Scope;
use super::transport::Reply;
use super::{Registry, Remote};
use crate::client::{Cursor, Error, Page, PageRequest, PageStart};
use crate::oci::{RepositoryName, Tag};

/// The largest page of a list.
const PAGE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

impl Remote {
    /// `end-8`: one page of tags.
    pub(super) async fn list_tags(&self, request: &PageRequest) -> Result<Page<Tag>, Error> {
        #[derive(Deserialize)]
        struct Body {
            // Registries written in Go answer `null` for an empty list.
            tags: Option<Vec<String>>,
        }
        let url = page_url(&self.registry, &format!("v2/{}/tags/list", self.path()), request);
        let page = Listing { registry: &self.registry, url, scope: Scope::pull(&self.repository) };
        page.fetch(|body: Body| body.tags.unwrap_or_default()).await
    }
}

impl Registry {
    /// `GET /v2/_catalog`: one page of repositories. Not every registry has it, or lets everyone ask.
    pub async fn catalog(&self, request: &PageRequest) -> Result<Page<RepositoryName>, Error> {
        #[derive(Deserialize)]
        struct Body {
            repositories: Option<Vec<String>>,
        }
        let url = page_url(self, "v2/_catalog", request);
        let page = Listing { registry: self, url, scope: Scope::catalog() };
        page.fetch(|body: Body| body.repositories.unwrap_or_default()).await
    }
}

/// One page to ask for.
struct Listing<'a> {
    registry: &'a Registry,
    url: Url,
    scope: Scope,
}

impl Listing<'_> {
    async fn fetch<B: DeserializeOwned, T: FromStr>(
        self,
        names: impl FnOnce(B) -> Vec<String>,
    ) -> Result<Page<T>, Error> {
        let call = Call::new(Method::GET, self.url);
        let reply = self.registry.send(&call, &self.scope).await?.expect(&[StatusCode::OK]).await?;
        let next = next_page(&reply)?.map(|url| Cursor(url.to_string()));
        let request = Box::new(call.describe());
        let broken = |problem| Error::Protocol { request, problem };
        let bytes = reply.read_all("a page of a list", PAGE_LIMIT_BYTES).await?;
        let Ok(body) = serde_json::from_slice(&bytes) else {
            return Err(broken("the list is not JSON of the agreed shape".to_owned()));
        };
        let parse = |name: String| name.parse().map_err(|_| name);
        match names(body).into_iter().map(parse).collect() {
            Ok(items) => Ok(Page { items, next }),
            Err(name) => Err(broken(format!("`{}` is not a name", name.escape_debug()))),
        }
    }
}

fn page_url(registry: &Registry, path: &str, request: &PageRequest) -> Url {
    let mut url = registry.url(path);
    let last = match &request.start {
        // A cursor is a URL that `next_page` has found to be the registry's own.
        PageStart::Next(Cursor(next)) => return next.parse().unwrap_or(url),
        PageStart::After(last) => Some(last),
        PageStart::First => None,
    };
    if let Some(limit) = request.limit {
        url.query_pairs_mut().append_pair("n", &limit.to_string());
    }
    if let Some(last) = last {
        url.query_pairs_mut().append_pair("last", last);
    }
    url
}

/// The URL that `Link: <…>; rel="next"` names (RFC 8288), which has to be the registry's own.
pub(super) fn next_page(reply: &Reply) -> Result<Option<Url>, Error> {
    let Some(target) = reply.header(&header::LINK).and_then(next_link) else { return Ok(None) };
    let here = reply.url();
    match here.join(target) {
        Ok(next) if next.origin() == here.origin() => Ok(Some(next)),
        _ => Err(reply.protocol_error("`Link` does not lead to another page of the same registry")),
    }
}

fn next_link(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            parameter.trim().split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"') == "next"
            })
        });
        is_next.then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        for (header, target) in [
            (r#"</v2/a/tags/list?n=2&last=b>; rel="next""#, Some("/v2/a/tags/list?n=2&last=b")),
            (r#"<x>; rel="prev", <y>; title="t"; rel=next"#, Some("y")),
            (r#"<x>; rel="prev""#, None),
            ("garbage", None),
        ] {
            assert_eq!(next_link(header), target, "{header}");
        }
    }
}
