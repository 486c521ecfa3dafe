use super::{Error, Result};

/// Does work to its end, even when its caller is dropped meanwhile: a client that hangs up while its change is being
/// committed must not keep the cache from being told.
pub(super) async fn to_completion<T, F>(work: F) -> Result<T>
where
    F: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    tokio::spawn(work).await.map_err(|_| Error::Interrupted)?
}
