use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, Uri};
use serde_json::json;

use super::cursor;
use crate::fleet::{Fleet, KnownPluginFilter, PluginSource};
use crate::oci::ErrorCode;
use crate::plugin::{Metadata, WasmPlugin};
use crate::server::api::wasmplugins::text;
use crate::server::page::{Query, linked};
use crate::server::problem::Problem;

/// Most plugins of one page.
const PAGE_LIMIT: u32 = 1000;

/// GET `/api/v1/wasmplugins?repository=<name>&reference=<tag or digest>&n=<limit>&after=<place>`: the known plugins
///
/// Answers `{"wasmplugins": [...]}`, see [`crate::fleet::TrackedPlugin`]; a `Link` leads to the next page.
pub(super) async fn list(fleet: &Fleet, uri: &Uri) -> Result<Response, Problem> {
    let query = Query::of(uri);
    let after: Option<(String, String, String)> = cursor::read(&query)?;
    let after = after.map(|(namespace, name, source)| {
        let source = source.parse().unwrap_or(PluginSource::Api);
        (namespace, name, source)
    });
    let filter = KnownPluginFilter {
        repository: query.get("repository").map(str::parse).transpose()?,
        reference: query.get("reference").map(str::parse).transpose()?,
        after,
        limit: query.page(PAGE_LIMIT)?.limit,
    };
    let plugins = fleet.tracked(&filter).await.map_err(|error| Problem::internal(&error))?;
    let last = plugins.last().filter(|_| plugins.len() == filter.limit as usize);
    let next = last.map(|last| cursor::write(&(&last.namespace, &last.name, last.source.name())));
    Ok(linked(Json(json!({ "wasmplugins": plugins })).into_response(), uri, next.as_deref()))
}

/// PUT or DELETE `/api/v1/wasmplugins/<namespace>/<name>`: lets the registry know of a plugin, or forget it
///
/// The body of a PUT is that one `WasmPlugin`, in YAML or JSON, of Higress's or Istio's form.
pub(super) async fn one(
    fleet: &Fleet,
    (namespace, name): (&str, &str),
    method: &Method,
    body: Body,
) -> Result<Response, Problem> {
    if !Metadata::is_namespace(namespace) || !Metadata::is_name(name) {
        let message = "the path is not /api/v1/wasmplugins/<namespace>/<name> with names of RFC 1123";
        return Err(Problem::invalid_request(message));
    }
    match *method {
        Method::PUT => put(fleet, (namespace, name), body).await,
        Method::DELETE => delete(fleet, (namespace, name)).await,
        _ => Err(Problem::method_not_allowed("PUT, DELETE")),
    }
}

async fn put(fleet: &Fleet, (namespace, name): (&str, &str), body: Body) -> Result<Response, Problem> {
    let text = text::receive(body).await?;
    let plugin = tokio::task::spawn_blocking(move || only_plugin(&text))
        .await
        .map_err(|panic| Problem::internal(&panic))??;
    let plugin = placed(plugin, (namespace, name))?;
    match fleet.track(&plugin).await {
        Ok(Some(tracked)) => Ok(Json(tracked).into_response()),
        Ok(None) => {
            let message = "as many WasmPlugins are kept as may be (`fleet.max_plugins`); delete some";
            Err(Problem::new(StatusCode::CONFLICT, ErrorCode::Denied, message))
        }
        Err(error) => Err(Problem::internal(&error)),
    }
}

fn only_plugin(text: &[u8]) -> Result<WasmPlugin, Problem> {
    let mut resources = text::parse(text)?;
    text::refuse_faults(&resources)?;
    match (resources.plugins.pop(), resources.plugins.is_empty() && resources.others.is_empty()) {
        (Some(resource), true) => Ok(resource.plugin),
        _ => Err(Problem::invalid_request("the body is not one WasmPlugin")),
    }
}

/// `plugin` under the names of the path, which must not be others than its own.
fn placed(mut plugin: WasmPlugin, (namespace, name): (&str, &str)) -> Result<WasmPlugin, Problem> {
    let own = &plugin.metadata;
    if own.name != name || own.namespace.as_deref().is_some_and(|own| own != namespace) {
        let message =
            format!("the body is the WasmPlugin `{}`, and the path names another", plugin.full_name());
        return Err(Problem::invalid_request(message));
    }
    plugin.metadata.namespace = Some(namespace.to_owned());
    Ok(plugin)
}

async fn delete(fleet: &Fleet, (namespace, name): (&str, &str)) -> Result<Response, Problem> {
    match fleet.untrack(namespace, name).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(false) => {
            let message = format!("no WasmPlugin `{namespace}/{name}` is tracked");
            Err(Problem::not_found(ErrorCode::NameUnknown, message))
        }
        Err(error) => Err(Problem::internal(&error)),
    }
}
