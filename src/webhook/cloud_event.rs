use serde::Serialize;

use super::Event;
use crate::storage::Timestamp;

/// An event in the form of `CloudEvents` 1.0.2, "JSON Event Format", structured mode.
#[derive(Debug, Serialize)]
pub(super) struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    datacontenttype: &'static str,
    data: &'a Event,
}

impl<'a> CloudEvent<'a> {
    pub(super) const MEDIA_TYPE: &'static str = "application/cloudevents+json";

    pub(super) fn of(event: &'a Event) -> Self {
        let digest = event.digest.as_ref().or(event.previous.as_ref());
        Self {
            specversion: "1.0",
            id: event.id.to_string(),
            source: format!("/v2/{}", event.repository),
            kind: format!("io.hwasm-registry.{}", event.kind),
            time: event.happened,
            subject: event.tag.as_ref().map(ToString::to_string).or(digest.map(ToString::to_string)),
            datacontenttype: "application/json",
            data: event,
        }
    }

    /// The bytes to send, the same for one event whenever it is sent.
    pub(super) fn body(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an event is JSON")
    }
}

/// What a receiver may tell repetitions by: the same for one event whenever it is sent, and another for every event of any
/// registry, even of one that began again with number 1.
pub(super) fn message_id(event: &Event) -> String {
    format!("{}-{}", event.id, event.happened.as_micros())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::oci::Digest;
    use crate::webhook::EventKind;

    use super::*;

    #[test]
    fn an_event_is_wrapped_as_the_specification_says() {
        let digest = Digest::sha256(b"x");
        let event = Event {
            id: 7,
            happened: Timestamp::from_micros(1_700_000_000_000_001),
            kind: EventKind::ManifestDeleted,
            repository: "a/b".parse().unwrap(),
            tag: None,
            digest: None,
            previous: Some(digest.clone()),
            actor: "anonymous".to_owned(),
        };
        let body: Value = serde_json::from_slice(&CloudEvent::of(&event).body()).unwrap();
        let time = "2023-11-14T22:13:20Z";
        let expected = json!({
            "specversion": "1.0",
            "id": "7",
            "source": "/v2/a/b",
            "type": "io.hwasm-registry.manifest-deleted",
            "time": time,
            "subject": digest,
            "datacontenttype": "application/json",
            "data": {
                "id": 7, "type": "manifest-deleted", "time": time, "repository": "a/b", "tag": null,
                "digest": null, "previous": digest, "actor": "anonymous",
            },
        });
        assert_eq!(body, expected);
        assert_eq!(message_id(&event), "7-1700000000000001");
        let tagged = Event { tag: Some("v1".parse().unwrap()), ..event };
        assert_eq!(CloudEvent::of(&tagged).subject.as_deref(), Some("v1"));
    }
}
