use std::sync::Arc;

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryService;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::envoy::service::extension::v3::extension_config_discovery_service_server::ExtensionConfigDiscoveryService;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::session::{Session, Shared};
use super::stream::{Exchange, Responses};
use super::{Service, Snapshot, Variant, delta, sotw};

/// Answers both services.
#[derive(Clone)]
pub(super) struct Discovery {
    pub(super) shared: Shared,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Streams that may still be opened.
    pub(super) slots: Arc<Semaphore>,
    pub(super) stopped: CancellationToken,
}

type Answer<A> = Result<Response<Responses<A>>, Status>;

impl Discovery {
    fn sotw(
        &self,
        service: Service,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Answer<DiscoveryResponse> {
        let slot = self.slot()?;
        let exchange = Exchange {
            session: Session::new(&self.shared, service, Variant::Sotw),
            requests: request.into_inner(),
            snapshots: self.snapshots.clone(),
            read: sotw::read,
            write: sotw::write,
            stopped: self.stopped.clone(),
        };
        Ok(Response::new(exchange.responses(slot)))
    }

    fn delta(
        &self,
        service: Service,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Answer<DeltaDiscoveryResponse> {
        let slot = self.slot()?;
        let exchange = Exchange {
            session: Session::new(&self.shared, service, Variant::Delta),
            requests: request.into_inner(),
            snapshots: self.snapshots.clone(),
            read: delta::read,
            write: delta::write,
            stopped: self.stopped.clone(),
        };
        Ok(Response::new(exchange.responses(slot)))
    }

    fn slot(&self) -> Result<OwnedSemaphorePermit, Status> {
        let full = |_| Status::resource_exhausted("too many streams are open");
        Arc::clone(&self.slots).try_acquire_owned().map_err(full)
    }
}

#[tonic::async_trait]
impl ExtensionConfigDiscoveryService for Discovery {
    type StreamExtensionConfigsStream = Responses<DiscoveryResponse>;
    type DeltaExtensionConfigsStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_extension_configs(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Answer<DiscoveryResponse> {
        self.sotw(Service::Ecds, request)
    }

    async fn delta_extension_configs(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Answer<DeltaDiscoveryResponse> {
        self.delta(Service::Ecds, request)
    }

    /// Envoy has no client for it over gRPC.
    async fn fetch_extension_configs(
        &self,
        _request: Request<DiscoveryRequest>,
    ) -> Result<Response<DiscoveryResponse>, Status> {
        Err(Status::unimplemented("expected `StreamExtensionConfigs` or `DeltaExtensionConfigs`"))
    }
}

#[tonic::async_trait]
impl AggregatedDiscoveryService for Discovery {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Answer<DiscoveryResponse> {
        self.sotw(Service::Ads, request)
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Answer<DeltaDiscoveryResponse> {
        self.delta(Service::Ads, request)
    }
}
