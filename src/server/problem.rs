use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::access::EndpointName;
use super::request_id::RequestId;
use crate::oci::{DigestError, ErrorBody, ErrorCode, MediaTypeError, NameError, ReferenceError, TagError};
use crate::registry;

/// How long a client should wait before it asks again for what was busy.
const RETRY_AFTER_SECS: &str = "5";

/// A request that was not done, as the client sees it.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    code: ErrorCode,
    message: String,
    header: Option<Box<(HeaderName, HeaderValue)>>,
    /// Facts for programs, in a shape of its own.
    detail: serde_json::Value,
    /// For the log only.
    cause: Option<String>,
    endpoint: Option<EndpointName>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        let (message, detail) = (message.into(), serde_json::Value::Null);
        Self { status, code, message, header: None, detail, cause: None, endpoint: None }
    }

    pub(super) fn bad_request(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A parameter or body of an endpoint beside the specification cannot be read.
    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        Self::bad_request(ErrorCode::RequestInvalid, message)
    }

    pub(super) fn not_found(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// The resource is there, but not for this method.
    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        let message = format!("the method is not allowed here; allowed: {allowed}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported, message)
            .with_header(header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// More was asked at a time than is done here; later it may be done.
    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::TooManyRequests, message)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECS))
    }

    /// Our own fault. The client gets a request id; the log gets the cause.
    pub(super) fn internal(cause: &dyn std::fmt::Display) -> Self {
        let message = "the registry failed; its log has the cause under this request id";
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown, message);
        Self { cause: Some(cause.to_string()), ..problem }
    }

    pub(super) fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
    }

    pub(super) fn with_detail(self, detail: serde_json::Value) -> Self {
        Self { detail, ..self }
    }

    /// The same, noting which endpoint it came from.
    pub(super) fn at(self, endpoint: &'static str) -> Self {
        Self { endpoint: Some(EndpointName(endpoint)), ..self }
    }

    /// The answer. What is our own fault is logged here, once.
    pub(super) fn into_response(self, request_id: &RequestId) -> Response {
        let mut body = ErrorBody::one(self.code, self.message);
        body.errors[0].detail = self.detail;
        if self.status.is_server_error() {
            let cause = self.cause.as_ref().unwrap_or(&body.errors[0].message);
            tracing::error!(request_id = request_id.as_str(), cause, "request failed");
            body.errors[0].detail = serde_json::json!({ "requestId": request_id.as_str() });
        }
        let body = serde_json::to_vec(&body).expect("texts are JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = self.header.map(|header| *header) {
            response.headers_mut().insert(name, value);
        }
        if let Some(endpoint) = self.endpoint {
            response.extensions_mut().insert(endpoint);
        }
        response
    }
}

/// What a malformed word of a request is answered with.
macro_rules! malformed {
    ($($error:ty => $code:ident),+ $(,)?) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                Self::bad_request(ErrorCode::$code, error.to_string())
            }
        })+
    };
}
malformed! {
    NameError => NameInvalid,
    TagError => TagInvalid,
    DigestError => DigestInvalid,
    MediaTypeError => ManifestInvalid,
}

impl From<ReferenceError> for Problem {
    fn from(error: ReferenceError) -> Self {
        match error {
            ReferenceError::Tag(error) => error.into(),
            ReferenceError::Digest(error) => error.into(),
        }
    }
}

impl From<registry::Error> for Problem {
    fn from(error: registry::Error) -> Self {
        use registry::Error;

        let (status, code) = match &error {
            Error::NameUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
            Error::BlobUnknown { .. } => (StatusCode::NOT_FOUND, ErrorCode::BlobUnknown),
            Error::ManifestUnknown { .. } | Error::TagUnknown { .. } => {
                (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown)
            }
            Error::UploadUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown),
            Error::OutOfOrder { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::BlobUploadInvalid),
            Error::ChunkLength { .. } => (StatusCode::BAD_REQUEST, ErrorCode::SizeInvalid),
            Error::Superseded => (StatusCode::CONFLICT, ErrorCode::BlobUploadInvalid),
            Error::Body(_) => (StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid),
            Error::DigestMismatch { .. } => (StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid),
            Error::BlobTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid),
            Error::TooManyUploads(_) => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests),
            Error::ManifestInvalid(_) | Error::Unloadable(_) => {
                (StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid)
            }
            Error::ManifestBlobUnknown { .. } => (StatusCode::BAD_REQUEST, ErrorCode::ManifestBlobUnknown),
            Error::TooManyTags(_) => (StatusCode::URI_TOO_LONG, ErrorCode::TagInvalid),
            Error::TagImmutable { .. } => (StatusCode::CONFLICT, ErrorCode::Denied),
            Error::TagChanged { .. } => (StatusCode::PRECONDITION_FAILED, ErrorCode::Denied),
            Error::NoModule(_) => (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown),
            Error::Full => (StatusCode::INSUFFICIENT_STORAGE, ErrorCode::Unknown),
            Error::Unpack(_) | Error::Interrupted | Error::Store(_) => return Self::internal(&error),
        };
        let problem = Self::new(status, code, error.to_string()).with_detail(detail(&error));
        if status == StatusCode::TOO_MANY_REQUESTS {
            problem.with_header(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECS))
        } else {
            problem
        }
    }
}

/// What a program needs of the error to go on.
fn detail(error: &registry::Error) -> serde_json::Value {
    match error {
        registry::Error::TagImmutable { tag, digest, .. } => {
            serde_json::json!({ "tag": tag, "digest": digest })
        }
        registry::Error::TagChanged { tag, current, .. } => {
            serde_json::json!({ "tag": tag, "digest": current })
        }
        _ => serde_json::Value::Null,
    }
}
