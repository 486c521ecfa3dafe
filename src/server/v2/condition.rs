//! What a push expects of its tag: `If-Match` and `If-None-Match` (RFC 9110, sections 13.1.1 and 13.1.2).

use http::{HeaderMap, HeaderName, header};

use crate::oci::Reference;
use crate::registry::{Digests, Expectation};
use crate::server::problem::Problem;

/// What the headers of a push say of the tag that it is pushed under; none where they say nothing.
pub(super) fn expectation(
    headers: &HeaderMap,
    reference: &Reference,
) -> Result<Option<Expectation>, Problem> {
    let one_of = digests(headers, &header::IF_MATCH)?;
    let none_of = digests(headers, &header::IF_NONE_MATCH)?;
    match reference {
        _ if one_of.is_none() && none_of.is_none() => Ok(None),
        Reference::Tag(_) => Ok(Some(Expectation { one_of, none_of })),
        Reference::Digest(_) => Err(Problem::invalid_request(
            "`If-Match` and `If-None-Match` say what a tag has to name; this push is not by tag",
        )),
    }
}

/// The entity tags of a header, which are quoted digests. Others are none that a manifest ever has.
fn digests(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Digests>, Problem> {
    let mut found = None;
    for value in headers.get_all(name) {
        for tag in value.to_str().unwrap_or_default().split(',').map(str::trim) {
            if tag == "*" {
                return Ok(Some(Digests::Any));
            }
            let opaque = unquoted(tag.trim_start_matches("W/")).ok_or_else(|| malformed(name))?;
            // A weak one is never the same as what we have, which is strong.
            let digest = opaque.parse().ok().filter(|_| tag.starts_with('"'));
            found.get_or_insert_with(Vec::new).extend(digest);
        }
    }
    Ok(found.map(Digests::These))
}

fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

fn malformed(name: &HeaderName) -> Problem {
    Problem::invalid_request(format!(
        "`{name}` is neither `*` nor digests in double quotes, separated by commas"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    fn read(values: &[&str]) -> Result<Option<Digests>, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, value.parse().unwrap());
        }
        digests(&headers, &header::IF_MATCH)
    }

    #[test]
    fn entity_tags_are_quoted_digests() {
        let [one, two] = [b"1", b"2"].map(|content| Digest::sha256(content));
        let these = |digests: &[&Digest]| Some(Digests::These(digests.iter().copied().cloned().collect()));
        for (values, expected) in [
            (vec![], None),
            (vec!["*".to_owned()], Some(Digests::Any)),
            (vec![format!("\"{one}\"")], these(&[&one])),
            (vec![format!("\"{one}\" , \"{two}\"")], these(&[&one, &two])),
            (vec![format!("\"{one}\""), format!("\"{two}\"")], these(&[&one, &two])),
            (vec![format!("\"other\", \"{two}\"")], these(&[&two])),
            (vec![format!("W/\"{one}\"")], these(&[])),
        ] {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            assert_eq!(read(&values).unwrap(), expected, "{values:?}");
        }
        for value in [one.to_string(), String::new(), "\"".to_owned(), format!("\"{one}\",")] {
            assert!(read(&[&value]).is_err(), "{value}");
        }
    }
}
