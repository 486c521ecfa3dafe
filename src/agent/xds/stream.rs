use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::{self, Stream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::Snapshot;
use super::session::{Reply, Session};

/// What a stream answers, resource by resource.
pub(super) type Responses<A> = Pin<Box<dyn Stream<Item = Result<A, Status>> + Send>>;

/// A stream that is open. It has no task and no queue: it is asked for its next response when the connection has room
/// for one, so a slow reader gets what is newest then and skips what was before.
pub(super) struct Exchange<Q, A> {
    pub(super) session: Session,
    pub(super) requests: Streaming<Q>,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(super) read: fn(&mut Session, &Q) -> Result<(), Status>,
    pub(super) write: fn(Reply) -> A,
    pub(super) stopped: CancellationToken,
}

impl<Q: Send + 'static, A: Send + 'static> Exchange<Q, A> {
    /// The responses, until one side ends the stream. `slot` is given back then: the stream's place among those that
    /// the server bears.
    pub(super) fn responses(mut self, slot: OwnedSemaphorePermit) -> Responses<A> {
        let snapshot = self.snapshots.borrow_and_update().clone();
        self.session.adopt(snapshot);
        Box::pin(stream::unfold(Some((self, slot)), |open| async {
            let (mut exchange, slot) = open?;
            match exchange.next().await {
                Ok(Some(response)) => Some((Ok(response), Some((exchange, slot)))),
                Ok(None) => None,
                Err(refusal) => Some((Err(refusal), None)),
            }
        }))
    }

    /// The next response. `None` at the end.
    async fn next(&mut self) -> Result<Option<A>, Status> {
        loop {
            if let Some(reply) = self.session.next() {
                return Ok(Some((self.write)(reply)));
            }
            tokio::select! {
                () = self.stopped.cancelled() => return Ok(None),
                changed = self.snapshots.changed() => {
                    if changed.is_err() {
                        return Ok(None);
                    }
                    let snapshot = self.snapshots.borrow_and_update().clone();
                    self.session.adopt(snapshot);
                }
                // A client that broke the stream off does not hear the error; one whose request is too large does.
                request = self.requests.message() => match request? {
                    Some(request) => (self.read)(&mut self.session, &request)?,
                    None => return Ok(None),
                },
            }
        }
    }
}
