//! Who pulls, what they have, and what moving a tag does to them.

mod agents;
mod cursor;
mod impact;
mod report;
mod tags;
mod tracked;

use axum::body::Body;
use axum::response::Response;
use http::{Method, Request};

use crate::fleet::Fleet;
use crate::server::problem::Problem;
use crate::server::router::named;

/// What is asked of the fleet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Agents,
    Tags,
    Impact,
    Report { agent: String },
    Tracked,
    TrackedPlugin { namespace: String, name: String },
}

impl Endpoint {
    /// The endpoint at a path; none where it is not about the fleet.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let decoded =
            |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let parts: Vec<&str> = path.strip_prefix("/api/v1/")?.split('/').collect();
        Some(match parts[..] {
            ["fleet"] => Self::Agents,
            ["fleet", "tags"] => Self::Tags,
            ["impact"] => Self::Impact,
            ["agents", agent, "status"] => Self::Report { agent: decoded(agent) },
            ["wasmplugins"] => Self::Tracked,
            ["wasmplugins", namespace, name] if !name.is_empty() => {
                Self::TrackedPlugin { namespace: decoded(namespace), name: decoded(name) }
            }
            _ => return None,
        })
    }

    /// Its name in metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::Agents => "fleet",
            Self::Tags => "fleet_tags",
            Self::Impact => "impact",
            Self::Report { .. } => "agent_status",
            Self::Tracked => "wasmplugins",
            Self::TrackedPlugin { .. } => "wasmplugin",
        }
    }

    pub(super) async fn answer(self, fleet: &Fleet, request: Request<Body>) -> Result<Response, Problem> {
        let name = self.name();
        named(name, self.dispatch(fleet, request).await)
    }

    async fn dispatch(self, fleet: &Fleet, request: Request<Body>) -> Result<Response, Problem> {
        let (head, body) = request.into_parts();
        match (self, &head.method) {
            (Self::Agents, &Method::GET) => agents::list(fleet, &head.uri).await,
            (Self::Tags, &Method::GET) => tags::list(fleet, &head.uri).await,
            (Self::Impact, &Method::GET) => impact::tell(fleet, &head.uri).await,
            (Self::Tracked, &Method::GET) => tracked::list(fleet, &head.uri).await,
            (Self::Agents | Self::Tags | Self::Impact | Self::Tracked, _) => {
                Err(Problem::method_not_allowed("GET"))
            }
            (Self::Report { agent }, &Method::POST) => report::take(fleet, &agent, body).await,
            (Self::Report { .. }, _) => Err(Problem::method_not_allowed("POST")),
            (Self::TrackedPlugin { namespace, name }, method) => {
                tracked::one(fleet, (&namespace, &name), method, body).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        let report = Endpoint::Report { agent: "router~10.0.0.1~a/b".to_owned() };
        let (namespace, name) = ("higress-system".to_owned(), "a".to_owned());
        for (path, expected) in [
            ("/api/v1/fleet", Some(Endpoint::Agents)),
            ("/api/v1/fleet/tags", Some(Endpoint::Tags)),
            ("/api/v1/impact", Some(Endpoint::Impact)),
            ("/api/v1/agents/router~10.0.0.1~a%2Fb/status", Some(report)),
            ("/api/v1/wasmplugins", Some(Endpoint::Tracked)),
            ("/api/v1/wasmplugins/higress-system/a", Some(Endpoint::TrackedPlugin { namespace, name })),
            ("/api/v1/wasmplugins/convert", None),
            ("/api/v1/wasmplugins/convert/", None),
            ("/api/v1/fleet/", None),
            ("/api/v1/events", None),
        ] {
            assert_eq!(Endpoint::parse(path), expected, "{path}");
        }
    }
}
