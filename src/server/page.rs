use std::borrow::Cow;

use axum::response::Response;
use http::{HeaderValue, Uri, header};

use super::problem::Problem;
use crate::oci::ErrorCode;
use crate::registry::PageRequest;

/// The parameters of a request's query, percent-decoded.
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// The longest `last` parameter: no name that we list is longer.
const LAST_MAX_LEN: usize = 255;

impl<'a> Query<'a> {
    pub(super) fn of(uri: &'a Uri) -> Self {
        Self(url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()).collect())
    }

    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a parameter.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// The name of every parameter, in the order given.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// The page that `n` and `last` ask for; without `n`, and for a larger `n`, one of `limit` entries.
    pub(super) fn page(&self, limit: u32) -> Result<PageRequest, Problem> {
        let invalid = |message: String| Problem::bad_request(ErrorCode::PaginationNumberInvalid, message);
        let asked = match self.get("n") {
            None => limit,
            Some(n) => count(n)
                .ok_or_else(|| invalid(format!("`n` is `{}`, not a number of entries", excerpt(n))))?,
        };
        let after = self.get("last").map(str::to_owned);
        if after.as_ref().is_some_and(|last| last.len() > LAST_MAX_LEN) {
            return Err(invalid(format!("`last` is longer than {LAST_MAX_LEN} bytes, as no name is")));
        }
        Ok(PageRequest { after, limit: asked.min(limit) })
    }
}

/// Digits only: no sign, no space. A number beyond any list means all that one page may hold.
fn count(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

/// What a message quotes of a parameter.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

/// `response` with a `Link` to the page behind the place `after`, if there is one: the same address but for that.
pub(super) fn linked(mut response: Response, uri: &Uri, after: Option<&str>) -> Response {
    let Some(after) = after else { return response };
    let query = Query::of(uri);
    let mut parameters: Vec<(&str, &str)> =
        query.0.iter().filter(|(key, _)| key != "after").map(|(key, value)| (&**key, &**value)).collect();
    parameters.push(("after", after));
    if let Ok(link) = HeaderValue::from_str(&next_link(uri.path(), &parameters)) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// The `Link` header that names the page after `last` (RFC 8288), with the other parameters kept.
pub(super) fn next_link(path: &str, parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("<{path}?{query}>; rel=\"next\"")
}
