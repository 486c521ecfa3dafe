//! What Higress's controller shows on its debug port, of the `WasmPlugin`s in a directory. The view is Istio's
//! (`pilot/pkg/xds/debug.go`, `configz`), which shows every kind of resource.

use axum::response::Response;
use http::request::Parts;
use http::{Method, Uri};

use super::installation::Installation;
use super::page::Query;
use super::problem::Problem;
use super::wasmplugin_directory::WasmPluginDirectory;
use crate::oci::ErrorCode;

/// GET `/debug/configz?pretty`: an array of what Istio gets, by namespace and name
pub(super) async fn configz(installation: &Installation, request: &Parts) -> Result<Response, Problem> {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Err(Problem::method_not_allowed("GET, HEAD"));
    }
    let directory = installation.directory.clone().ok_or_else(|| {
        let message = "no WasmPlugins are known here; start the server with `--wasmplugins DIR`";
        Problem::not_found(ErrorCode::Unsupported, message)
    })?;
    let layout = Layout::of(&request.uri);
    let place = installation.views.enter()?;
    let json = place.work(move || render(&directory, layout)).await??;
    Ok(place.answer(json))
}

#[derive(Clone, Copy)]
enum Layout {
    Compact,
    Indented,
}

impl Layout {
    fn of(uri: &Uri) -> Self {
        if Query::of(uri).get("pretty").is_some() { Self::Indented } else { Self::Compact }
    }
}

fn render(directory: &WasmPluginDirectory, layout: Layout) -> Result<Vec<u8>, Problem> {
    let applied = directory.read().map_err(|error| Problem::internal(&error))?;
    directory.tell(&applied);
    let json = match layout {
        Layout::Compact => serde_json::to_vec(&applied.converted),
        Layout::Indented => serde_json::to_vec_pretty(&applied.converted),
    };
    json.map_err(|error| Problem::internal(&error))
}
