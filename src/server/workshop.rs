use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use http::{HeaderValue, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::header_fields::value;
use super::problem::Problem;

/// Where answers are worked out that cost processor time and memory: only so many requests at a time have a place, and
/// only so many of these are worked on.
#[derive(Clone)]
pub(super) struct Workshop {
    places: Arc<Semaphore>,
    benches: Arc<Semaphore>,
    patience: Duration,
}

/// What a [`Workshop`] takes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    /// Requests whose body, work or answer is held at a time; further ones are sent away.
    pub(super) places: usize,
    /// Requests that are worked on at a time; others with a place wait.
    pub(super) benches: usize,
    /// How long the work on one request may take.
    pub(super) patience: Duration,
}

/// A request's place: held until its answer has gone out, because the answer takes memory too.
pub(super) struct Place {
    workshop: Workshop,
    _permit: OwnedSemaphorePermit,
}

impl Workshop {
    pub(super) fn new(capacity: Capacity) -> Self {
        let Capacity { places, benches, patience } = capacity;
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { places: semaphore(places), benches: semaphore(benches), patience }
    }

    /// Takes a place, or says that there is none.
    pub(super) fn enter(&self) -> Result<Place, Problem> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => Ok(Place { workshop: self.clone(), _permit: permit }),
            Err(_) => Err(Problem::busy("too many requests of this kind are under way; try again later")),
        }
    }
}

impl Place {
    /// Runs `work` on a thread that may block. It keeps its bench until it has ended, also where nobody waits for it any
    /// more.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Workshop { benches, patience, .. } = &self.workshop;
        let bench = Arc::clone(benches).acquire_owned().await.expect("the semaphore is never closed");
        let working = tokio::task::spawn_blocking(move || {
            let _bench = bench;
            work()
        });
        match tokio::time::timeout(*patience, working).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => Err(Problem::internal(&panic)),
            Err(_) => Err(Problem::busy(format!(
                "the answer takes longer than {} seconds, the limit here; ask about less at a time",
                patience.as_secs()
            ))),
        }
    }

    /// Answers with JSON, and gives the place up once it is with the connection.
    pub(super) fn answer(self, json: Vec<u8>) -> Response {
        /// What the connection takes at a time.
        const CHUNK_BYTES: usize = 64 << 10;
        let length = value(&json.len());
        let chunks = stream::unfold((json, 0, self), |(json, at, place)| async move {
            let end = json.len().min(at + CHUNK_BYTES);
            // A copy, so that the last chunk does not keep the whole answer for a client that reads slowly.
            let chunk = (at < end).then(|| Bytes::copy_from_slice(&json[at..end]))?;
            Some((Ok::<_, std::convert::Infallible>(chunk), (json, end, place)))
        });
        let mut response = Response::new(Body::from_stream(chunks));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_LENGTH, length);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use http::StatusCode;
    use http_body_util::BodyExt;

    use super::*;

    fn workshop(places: usize, patience: Duration) -> Workshop {
        Workshop::new(Capacity { places, benches: 1, patience })
    }

    #[tokio::test]
    async fn a_place_is_free_again_once_its_answer_was_read() {
        let workshop = workshop(1, Duration::MAX);
        let place = workshop.enter().unwrap();
        let json = vec![b' '; (64 << 10) + 1];
        let answer = place.answer(json.clone());
        let refused = workshop.enter().err().expect("the only place is taken");
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::CONTENT_LENGTH], json.len().to_string());
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), json);
        assert!(workshop.enter().is_ok());
    }

    #[tokio::test]
    async fn work_beyond_the_limit_is_reported_and_keeps_its_bench_until_it_ends() {
        let workshop = workshop(2, Duration::from_millis(200));
        let (first, second) = (workshop.enter().unwrap(), workshop.enter().unwrap());
        let (end, ended) = mpsc::channel::<()>();
        let late = first.work(move || ended.recv()).await.unwrap_err();
        assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
        let next = tokio::time::timeout(Duration::from_millis(50), second.work(|| 1)).await;
        assert!(next.is_err(), "it waits for the bench");
        end.send(()).unwrap();
        assert_eq!(second.work(|| 2).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn work_that_panics_is_our_own_fault() {
        let place = workshop(1, Duration::MAX).enter().unwrap();
        let problem = place.work(|| panic!("expected by the test")).await.unwrap_err();
        assert_eq!(problem.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
