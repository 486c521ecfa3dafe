use axum::response::Response;
use http::request::Parts;
use http::{Method, StatusCode, header};

use super::parameters::Parameters;
use crate::artifact::PluginSpec;
use crate::oci::{ErrorCode, ImageReference, ImageReferenceError, RegistryHost};
use crate::plugin::{
    Declaration, Declared, FailStrategy, Form, ImageFacts, ImageKind, ImageNaming, InitialConfig,
    NewWasmPlugin, NewWasmPluginError, PluginScope, WasmPlugin,
};
use crate::registry::{PluginImage, Registry};
use crate::server::bounded_json::to_json;
use crate::server::header_fields::{text, warning};
use crate::server::installation::Installation;
use crate::server::problem::Problem;

const PARAMETERS: &[&[&str]] = &[
    &["ref", "name", "namespace", "pin", "policy", "pull-secret", "phase", "priority", "fail-strategy"],
    &["domain", "ingress", "service", "example"],
];

/// GET `/api/v1/wasmplugins/new?ref=<repository>[:<tag>]`: a `WasmPlugin` for an image of this registry
///
/// The answer is the resource and nothing else; what somebody should know who applies it is in `Warning` headers.
pub(super) async fn write(
    registry: &Registry,
    installation: &Installation,
    request: &Parts,
) -> Result<Response, Problem> {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Err(Problem::method_not_allowed("GET, HEAD"));
    }
    let parameters = Parameters::of(&request.uri, PARAMETERS)?;
    let new = wanted(&parameters, installation)?;
    let reference = reference(&parameters, request)?;
    new.metadata(&reference).map_err(|error| refusal(&error))?;
    let place = installation.questions.enter()?;
    let image = registry.plugin_image(&reference.repository, &reference.reference()).await?;
    let (json, warnings) = place.work(move || build(&new, &reference, image)).await??;
    let mut response = place.answer(json);
    for text in &warnings {
        response.headers_mut().append(header::WARNING, warning(text));
    }
    Ok(response)
}

/// What was asked for.
fn wanted(parameters: &Parameters<'_>, installation: &Installation) -> Result<NewWasmPlugin, Problem> {
    let text = |name| parameters.text(name).map(|text| text.map(ToOwned::to_owned));
    let strategy = |word| {
        FailStrategy::read(Form::Higress, word).map_err(|error| Problem::invalid_request(error.to_string()))
    };
    Ok(NewWasmPlugin {
        name: text("name")?,
        namespace: Some(text("namespace")?.unwrap_or(installation.settings().namespace)),
        naming: if parameters.switch("pin")? { ImageNaming::Pinned } else { ImageNaming::AsGiven },
        pull_policy: parameters.value("policy")?.unwrap_or_default(),
        pull_secret: text("pull-secret")?,
        phase: parameters.value("phase")?,
        priority: parameters.value("priority")?,
        fail_strategy: parameters.text("fail-strategy")?.map(strategy).transpose()?.unwrap_or_default(),
        scope: scope(parameters)?,
        config: if parameters.switch("example")? { InitialConfig::Example } else { InitialConfig::Defaults },
    })
}

fn scope(parameters: &Parameters<'_>) -> Result<PluginScope, Problem> {
    let [domains, ingresses, services] =
        ["domain", "ingress", "service"].map(|name| parameters.values::<String>(name));
    match (domains?, ingresses?, services?) {
        (domains, ingresses, services) if ingresses.is_empty() && services.is_empty() => {
            Ok(if domains.is_empty() { PluginScope::Everywhere } else { PluginScope::Domains(domains) })
        }
        (domains, ingresses, services) if domains.is_empty() && services.is_empty() => {
            Ok(PluginScope::Ingresses(ingresses))
        }
        (domains, ingresses, services) if domains.is_empty() && ingresses.is_empty() => {
            Ok(PluginScope::Services(services))
        }
        _ => Err(Problem::invalid_request("of `domain`, `ingress` and `service` only one may be given")),
    }
}

/// The image under the name that `url` shall have: with the host that the client asked, unless it names another.
fn reference(parameters: &Parameters<'_>, request: &Parts) -> Result<ImageReference, Problem> {
    let named = parameters.text("ref")?;
    let named =
        named.ok_or_else(|| Problem::invalid_request("`ref` is missing: repository[:tag][@digest]"))?;
    let refused = |error: ImageReferenceError| Problem::invalid_request(format!("`ref`: {error}"));
    match named.parse() {
        Err(ImageReferenceError::NoRegistry(_)) => {
            let image: ImageReference = format!("localhost/{named}").parse().map_err(refused)?;
            Ok(ImageReference { registry: host(request)?, ..image })
        }
        other => other.map_err(refused),
    }
}

fn host(request: &Parts) -> Result<RegistryHost, Problem> {
    let asked = request.uri.authority().map(http::uri::Authority::as_str);
    let host = asked.or_else(|| text(&request.headers, &header::HOST)).and_then(|host| host.parse().ok());
    host.ok_or_else(|| Problem::invalid_request("`ref` names no host, and neither does the request"))
}

/// The resource as JSON, and what to know about it.
fn build(
    new: &NewWasmPlugin,
    reference: &ImageReference,
    image: PluginImage,
) -> Result<(Vec<u8>, Vec<String>), Problem> {
    let mut warnings = image.warnings;
    let declaration = image.spec.map(|text| declaration(&text));
    let faults = declaration.iter().flat_map(|declaration| &declaration.faults);
    warnings.extend(faults.map(|fault| format!("the image's spec.yaml: {fault}")));
    if reference.registry.is_loopback() {
        let advice = "name in `ref` the one that gateways reach it by";
        warnings.push(format!("`url` has a host of this machine's own; {advice}"));
    }
    let kind = if image.used == image.digest {
        ImageKind::Image
    } else {
        ImageKind::Index { child: Some(image.used) }
    };
    let facts = ImageFacts {
        digest: image.digest,
        kind,
        module_bytes: image.module_bytes,
        // They are among the warnings.
        refused_by: Vec::new(),
        declaration,
    };
    let plugin: WasmPlugin = new.build(reference, &facts).map_err(|error| refusal(&error))?;
    Ok((to_json(&plugin)?, warnings))
}

fn declaration(text: &[u8]) -> Declaration {
    match PluginSpec::parse(&String::from_utf8_lossy(text)) {
        Err(error) => Declaration::unreadable(error.to_string()),
        Ok(spec) => Declaration::read(&Declared {
            name: spec.name.as_deref(),
            version: spec.version.as_deref(),
            phase: spec.phase.as_deref(),
            priority: spec.priority,
            config_schema: spec.config_schema.as_ref(),
            rule_config_schema: spec.route_config_schema.as_ref(),
        }),
    }
}

fn refusal(error: &NewWasmPluginError) -> Problem {
    let status = match error {
        NewWasmPluginError::Name(_) | NewWasmPluginError::Namespace(_) | NewWasmPluginError::Url(_) => {
            StatusCode::BAD_REQUEST
        }
        NewWasmPluginError::NothingToPin | NewWasmPluginError::NoExample | NewWasmPluginError::Config(_) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    };
    Problem::new(status, ErrorCode::RequestInvalid, error.to_string())
}
