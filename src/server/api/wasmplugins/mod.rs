//! What a gateway makes of `WasmPlugin`s: one verb per file. A request is a text of resources and parameters named as
//! the command's options; nothing of it is kept.

mod answer;
mod chain;
mod convert;
mod lint;
mod match_request;
mod new;
mod parameters;
pub(super) mod text;
mod workload;

use axum::body::Body;
use axum::response::Response;
use http::{Method, Request};
use serde::Serialize;

use crate::oci::ErrorCode;
use crate::plugin::Resources;
use crate::registry::Registry;
use crate::server::bounded_json::to_json;
use crate::server::installation::Installation;
use crate::server::problem::Problem;
use crate::server::router::named;
use chain::ChainOrder;
use convert::Convert;
use lint::Lint;
use match_request::MatchRequest;
use parameters::Parameters;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Convert,
    Match,
    Chain,
    Lint,
    New,
}

/// How a verb answers.
trait Question: Send + Sized + 'static {
    /// The parameters it takes, in groups.
    const PARAMETERS: &'static [&'static [&'static str]];

    /// Reads the parameters; what is not given is as `installation` has it.
    fn parse(parameters: &Parameters<'_>, installation: &Installation) -> Result<Self, Problem>;

    /// The answer for `resources`.
    fn answer(self, resources: Resources) -> Result<impl Serialize, Problem>;
}

impl Verb {
    const ALL: [Self; 5] = [Self::Convert, Self::Match, Self::Chain, Self::Lint, Self::New];

    /// The last part of the path.
    fn name(self) -> &'static str {
        match self {
            Self::Convert => "convert",
            Self::Match => "match",
            Self::Chain => "chain",
            Self::Lint => "lint",
            Self::New => "new",
        }
    }

    /// The name in metrics.
    fn endpoint(self) -> &'static str {
        match self {
            Self::Convert => "wasmplugin_convert",
            Self::Match => "wasmplugin_match",
            Self::Chain => "wasmplugin_chain",
            Self::Lint => "wasmplugin_lint",
            Self::New => "wasmplugin_new",
        }
    }

    pub(super) fn parse(name: &str) -> Result<Self, Problem> {
        Self::ALL.into_iter().find(|verb| verb.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            let message = format!("the path is not /api/v1/wasmplugins/<verb>; the verbs are {names}");
            Problem::not_found(ErrorCode::Unsupported, message)
        })
    }

    /// POST `/api/v1/wasmplugins/<verb>?<options>`, with the resources as body; `new` is a GET
    pub(super) async fn answer(
        self,
        registry: &Registry,
        installation: &Installation,
        request: Request<Body>,
    ) -> Result<Response, Problem> {
        let outcome = match self {
            Self::Convert => ask::<Convert>(installation, request).await,
            Self::Match => ask::<MatchRequest>(installation, request).await,
            Self::Chain => ask::<ChainOrder>(installation, request).await,
            Self::Lint => ask::<Lint>(installation, request).await,
            Self::New => new::write(registry, installation, &request.into_parts().0).await,
        };
        named(self.endpoint(), outcome)
    }
}

async fn ask<Q: Question>(installation: &Installation, request: Request<Body>) -> Result<Response, Problem> {
    if request.method() != Method::POST {
        return Err(Problem::method_not_allowed("POST"));
    }
    let (head, body) = request.into_parts();
    let question = Q::parse(&Parameters::of(&head.uri, Q::PARAMETERS)?, installation)?;
    let place = installation.questions.enter()?;
    let text = text::receive(body).await?;
    let json = place
        .work(move || {
            let answer = question.answer(text::parse(&text)?)?;
            to_json(&answer)
        })
        .await??;
    Ok(place.answer(json))
}
