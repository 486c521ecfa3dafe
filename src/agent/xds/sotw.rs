//! The state-of-the-world variant: every request lists all names, and acknowledges or refuses the response whose nonce
//! it carries.

use std::collections::BTreeSet;
use std::sync::Arc;

use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use tonic::Status;

use super::session::{Reply, Session};
use super::subscription::Possession;
use super::{EXTENSION_CONFIG, Service};

/// What stands between the version of a response and the run of the server that sent it.
const RUN_MARK: char = '@';

pub(super) fn read(session: &mut Session, request: &DiscoveryRequest) -> Result<(), Status> {
    let (service, run) = (session.service, Arc::clone(&session.shared.run));
    let Some(subscription) = session.asked(request.node.as_ref(), &request.type_url)? else { return Ok(()) };
    // Before the names: a refused resource may be left out of them.
    let refusal = request.error_detail.as_ref().map(|status| status.message.as_str());
    subscription.answered(&request.response_nonce, refusal);
    if !subscription.is_news(&request.resource_names) {
        return Ok(());
    }
    let names: BTreeSet<&str> = request.resource_names.iter().map(String::as_str).collect();
    let dropped: Vec<Arc<str>> =
        subscription.names().filter(|name| !names.contains(&***name)).cloned().collect();
    for name in dropped {
        subscription.remove(&name);
    }
    let claim = Claim::of(request, service);
    for name in names {
        if !subscription.contains(name) {
            subscription.add(name, claim.possession(&run))?;
        }
    }
    Ok(())
}

/// What a request lets conclude about what the Envoy has.
struct Claim<'a> {
    /// The version of the last response that the Envoy took, on this stream or on one before.
    version: &'a str,
    /// The run of a server that sent it.
    run: Option<&'a str>,
    /// Whether it can only be about the one name that the stream is for.
    is_certain: bool,
}

impl<'a> Claim<'a> {
    fn of(request: &'a DiscoveryRequest, service: Service) -> Self {
        let is_first = request.response_nonce.is_empty();
        let is_certain = service == Service::Ecds && request.resource_names.len() == 1 && is_first;
        match request.version_info.split_once(RUN_MARK) {
            Some((version, run)) => Self { version, run: Some(run), is_certain },
            None => Self { version: &request.version_info, run: None, is_certain },
        }
    }

    /// On a stream for many names, the version may be that of another one, or of a filter that was there before. So
    /// every resource is sent again, and Envoy takes the bytes that it has without effort. Where another run of the
    /// server has sent them, they have to be other bytes: Envoy may have refused some, and would not load them.
    fn possession(&self, run: &str) -> Possession {
        if self.version.is_empty() {
            Possession::Nothing
        } else if self.is_certain {
            Possession::Version(self.version.to_owned())
        } else if self.run == Some(run) {
            Possession::Unknown
        } else {
            Possession::Foreign
        }
    }
}

pub(super) fn write(reply: Reply) -> DiscoveryResponse {
    match reply {
        Reply::Resource(delivery) => DiscoveryResponse {
            version_info: format!("{}{RUN_MARK}{}", delivery.encoded.version, delivery.run),
            resources: vec![delivery.encoded.any],
            type_url: EXTENSION_CONFIG.to_owned(),
            nonce: delivery.nonce.to_string(),
            ..DiscoveryResponse::default()
        },
        Reply::Nothing { type_url, nonce } => DiscoveryResponse {
            version_info: "0".to_owned(),
            type_url,
            nonce: nonce.to_string(),
            ..DiscoveryResponse::default()
        },
    }
}
