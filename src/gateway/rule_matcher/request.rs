use serde::Serialize;

/// What a rule matcher asks the gateway about a request, once, when its headers arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The header `:authority`, port and all.
    pub authority: Option<String>,
    /// The property `route_name`; empty where the request has none.
    pub route: String,
    /// The property `cluster_name`, such as `outbound|80||echo.default.svc.cluster.local`; empty where it has
    /// none.
    pub cluster: String,
}
