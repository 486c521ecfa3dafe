//! The delta variant: a request says which names come and go, a response has a version for each resource.

use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource,
};
use tonic::Status;

use super::EXTENSION_CONFIG;
use super::session::{Reply, Session};
use super::subscription::Possession;

pub(super) fn read(session: &mut Session, request: &DeltaDiscoveryRequest) -> Result<(), Status> {
    let Some(subscription) = session.asked(request.node.as_ref(), &request.type_url)? else { return Ok(()) };
    let refusal = request.error_detail.as_ref().map(|status| status.message.as_str());
    subscription.answered(&request.response_nonce, refusal);
    for name in &request.resource_names_unsubscribe {
        subscription.remove(name);
    }
    for name in &request.resource_names_subscribe {
        let possession = match request.initial_resource_versions.get(name) {
            Some(version) => Possession::Version(version.clone()),
            None if subscription.contains(name) => Possession::Unknown,
            None => Possession::Nothing,
        };
        subscription.add(name, possession)?;
    }
    Ok(())
}

pub(super) fn write(reply: Reply) -> DeltaDiscoveryResponse {
    match reply {
        Reply::Resource(delivery) => DeltaDiscoveryResponse {
            system_version_info: delivery.encoded.version.to_string(),
            resources: vec![Resource {
                name: delivery.name.to_string(),
                version: delivery.encoded.version.to_string(),
                resource: Some(delivery.encoded.any),
                ..Resource::default()
            }],
            type_url: EXTENSION_CONFIG.to_owned(),
            nonce: delivery.nonce.to_string(),
            ..DeltaDiscoveryResponse::default()
        },
        Reply::Nothing { type_url, nonce } => {
            DeltaDiscoveryResponse { type_url, nonce: nonce.to_string(), ..DeltaDiscoveryResponse::default() }
        }
    }
}
