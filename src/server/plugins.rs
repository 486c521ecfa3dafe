//! Modules as plain files, at the paths of Higress's plugin-server: for `WasmPlugin` resources whose `url` begins with `http`.

use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Method, header};
use percent_encoding::percent_decode_str;

use super::content;
use super::header_fields::{etag_of, value};
use super::problem::Problem;
use super::pull_note::PullNote;
use super::router::named;
use crate::fleet::Ledger;
use crate::oci::{Digest, ErrorCode, Reference, RepositoryName, Tag};
use crate::registry::{Registry, StoredModule};

/// Where the repositories of plugins are: `<name>` in a path is the repository `plugins/<name>`.
const NAMESPACE: &str = "plugins";

enum File {
    Module,
    Metadata,
}

/// GET or HEAD /plugins/<name>/<version>/plugin.wasm, and metadata.txt beside it
pub(super) async fn answer(
    registry: &Registry,
    ledger: &Ledger,
    request: &Parts,
) -> Result<Response, Problem> {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Err(Problem::method_not_allowed("GET, HEAD"));
    }
    let (repository, tag, file) = parse(request.uri.path())?;
    let reference = Reference::Tag(tag.clone());
    let module = module(registry, &repository, &reference).await;
    match file {
        File::Module => {
            let answer = module.and_then(|(image, module)| Ok((image, wasm(request, &module)?)));
            let (image, response) = answer.map_err(|problem| problem.at("plugin_module"))?;
            let mut response = named("plugin_module", Ok(response))?;
            let note = PullNote::module(request, &repository, (&reference, &image));
            note.settle(ledger, &mut response);
            Ok(response)
        }
        File::Metadata => {
            let text = module.map(|(_, module)| metadata(&repository, &tag, &module).into_response());
            named("plugin_metadata", text)
        }
    }
}

/// The manifest that a tag names, and the module in it: the tag may move meanwhile.
async fn module(
    registry: &Registry,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<(Digest, StoredModule), Problem> {
    let image = registry.manifest(repository, reference).await?.digest.clone();
    let module = registry.module(repository, &Reference::Digest(image.clone())).await?;
    Ok((image, module))
}

fn parse(path: &str) -> Result<(RepositoryName, Tag, File), Problem> {
    let nothing = || {
        let message = "the path is not /plugins/<name>/<version>/plugin.wasm or …/metadata.txt";
        Problem::not_found(ErrorCode::Unsupported, message)
    };
    let path = percent_decode_str(path).decode_utf8().map_err(|_| nothing())?;
    let mut parts = path.rsplitn(3, '/');
    let file = match parts.next() {
        Some("plugin.wasm") => File::Module,
        Some("metadata.txt") => File::Metadata,
        _ => return Err(nothing()),
    };
    let version = parts.next().ok_or_else(nothing)?;
    let name = parts.next().and_then(|rest| rest.strip_prefix("/plugins/")).ok_or_else(nothing)?;
    Ok((format!("{NAMESPACE}/{name}").parse()?, version.parse()?, file))
}

fn wasm(request: &Parts, module: &StoredModule) -> Result<Response, Problem> {
    // Of the module, not of the image: equal modules in other layouts are the same file to a client.
    let etag = etag_of(module.digest.hex());
    let headers = &request.headers;
    if content::is_known_to_client(headers, &etag) {
        return Ok(content::not_modified(etag));
    }
    let mut response = if request.method == Method::HEAD {
        content::blob_head(&module.blob)
    } else {
        content::blob(headers, &module.blob, &etag)?
    };
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/wasm"));
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, value(&"no-cache"));
    Ok(response)
}

fn metadata(repository: &RepositoryName, tag: &Tag, module: &StoredModule) -> String {
    let name = repository.as_str().trim_start_matches("plugins/");
    let (size, unpacked, md5, sha256) =
        (module.blob.size(), module.unpacked, &module.md5, module.digest.hex());
    format!(
        "Plugin Name: {name}:{tag}\nSize: {size} bytes\nLast Modified: {unpacked}\nCreated: {unpacked}\nMD5: {md5}\nSHA256: {sha256}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_a_plugin_and_a_version() {
        let (repository, tag, _) = parse("/plugins/key-auth/1.0.0/plugin.wasm").unwrap();
        assert_eq!((repository.as_str(), tag.as_str()), ("plugins/key-auth", "1.0.0"));
        let (repository, ..) = parse("/plugins/team/key-auth/1.0.0/metadata.txt").unwrap();
        assert_eq!(repository.as_str(), "plugins/team/key-auth");
        for bad in [
            "/plugins/",
            "/plugins/a/plugin.wasm",
            "/plugins/a/1.0/other.wasm",
            "/plugins/A/1/plugin.wasm",
            "/plugins/a/+/plugin.wasm",
            "/plugins/a/../b/1/plugin.wasm",
            "/plugins/%ff/1/plugin.wasm",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
