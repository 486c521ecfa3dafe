use std::collections::BTreeMap;

use serde::Deserialize;

use super::digest::excerpt;
use super::json::{self, Object};
use super::{Descriptor, MediaType};

/// What a registry reads of a manifest. The bytes themselves are stored and served as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The type it is pushed and served under.
    pub media_type: MediaType,
    /// The `mediaType` field of the body: what agents select their Docker path by.
    pub body_media_type: Option<String>,
    /// What it points at.
    pub kind: ManifestKind,
    /// `artifactType`.
    pub artifact_type: Option<String>,
    /// The manifest that this one refers to.
    pub subject: Option<Descriptor>,
    /// `annotations`.
    pub annotations: BTreeMap<String, String>,
}

/// The shapes of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestKind {
    /// An OCI image manifest or Docker's schema 2.
    Image {
        /// The configuration blob.
        config: Box<Descriptor>,
        /// The layer blobs, base first.
        layers: Vec<Descriptor>,
    },
    /// An OCI index or a Docker manifest list.
    Index {
        /// The children, in order of preference.
        manifests: Vec<Descriptor>,
    },
    /// A JSON object of a type we do not know: kept, but nothing in it is followed.
    Other,
}

/// Why bytes are not a manifest of the type they claim.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, nested too deeply, or a field of the wrong type.
    #[error("manifest is not a JSON object of type `{media_type}`: {source}")]
    Json {
        /// The claimed type.
        media_type: MediaType,
        /// Line, column and reason.
        source: serde_json::Error,
    },
    /// `schemaVersion` is not 2.
    #[error("manifest has no `schemaVersion` 2, which `{0}` requires")]
    SchemaVersion(MediaType),
    /// A field the type requires is missing.
    #[error("manifest of type `{media_type}` has no `{field}`")]
    Missing {
        /// The claimed type.
        media_type: MediaType,
        /// The absent field.
        field: &'static str,
    },
    /// An image with children or an index with layers: readers would disagree on what it is.
    #[error("manifest of type `{media_type}` must not have `{field}`")]
    Ambiguous {
        /// The claimed type.
        media_type: MediaType,
        /// The field that belongs to the other kind.
        field: &'static str,
    },
    /// The body's `mediaType` and the type it is pushed under differ (image-spec 1.1.1, manifest.md).
    #[error("manifest says `mediaType` `{body}` but came as `{media_type}`; they must be the same")]
    MediaTypeMismatch {
        /// The type in the body.
        body: String,
        /// The claimed type.
        media_type: MediaType,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    schema_version: Option<serde_json::Value>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Object<Descriptor>>,
    layers: Option<Vec<Object<Descriptor>>>,
    manifests: Option<Vec<Object<Descriptor>>>,
    subject: Option<Object<Descriptor>>,
    annotations: Option<BTreeMap<String, String>>,
}

/// The fields that a manifest of any type may have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyBody {
    media_type: Option<String>,
    artifact_type: Option<String>,
    subject: Option<Object<Descriptor>>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Manifest {
    /// Reads `bytes` as a manifest of `media_type`.
    ///
    /// Nesting is bounded by the JSON reader (128 levels). A `mediaType` in the body that differs from `media_type`
    /// is accepted here, because images like that are served by other registries; see [`Manifest::check_media_type`].
    pub fn parse(media_type: &MediaType, bytes: &[u8]) -> Result<Self, ManifestError> {
        let invalid = |source| ManifestError::Json { media_type: media_type.clone(), source };
        if !media_type.is_image() && !media_type.is_index() {
            let body: AnyBody = json::object(bytes).map_err(invalid)?;
            return Ok(Self {
                media_type: media_type.clone(),
                body_media_type: body.media_type,
                kind: ManifestKind::Other,
                artifact_type: body.artifact_type,
                subject: body.subject.map(|subject| subject.0),
                annotations: body.annotations.unwrap_or_default(),
            });
        }
        let mut body: Body = json::object(bytes).map_err(invalid)?;
        if body.schema_version != Some(2.into()) {
            return Err(ManifestError::SchemaVersion(media_type.clone()));
        }
        Ok(Self {
            media_type: media_type.clone(),
            kind: body.take_kind(media_type)?,
            body_media_type: body.media_type,
            artifact_type: body.artifact_type,
            subject: body.subject.map(|subject| subject.0),
            annotations: body.annotations.unwrap_or_default(),
        })
    }

    /// Refuses a body whose `mediaType` is not the type it came under.
    pub fn check_media_type(&self) -> Result<(), ManifestError> {
        match &self.body_media_type {
            Some(body) if self.media_type != body.as_str() => Err(ManifestError::MediaTypeMismatch {
                body: excerpt(body),
                media_type: self.media_type.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Configuration and layers, or nothing for other kinds.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, layers) = match &self.kind {
            ManifestKind::Image { config, layers } => (Some(config.as_ref()), layers.as_slice()),
            _ => (None, [].as_slice()),
        };
        config.into_iter().chain(layers)
    }

    /// The layers, base first; empty for other kinds.
    pub fn layers(&self) -> &[Descriptor] {
        match &self.kind {
            ManifestKind::Image { layers, .. } => layers,
            _ => &[],
        }
    }

    /// The children of an index; empty for other kinds.
    pub fn children(&self) -> &[Descriptor] {
        match &self.kind {
            ManifestKind::Index { manifests } => manifests,
            _ => &[],
        }
    }

    /// The artifact type a referrers list shows: the field, else an image's configuration type
    /// (distribution-spec 1.1.1, "Listing Referrers").
    pub fn effective_artifact_type(&self) -> Option<&str> {
        match (&self.artifact_type, &self.kind) {
            (Some(artifact_type), _) if !artifact_type.is_empty() => Some(artifact_type),
            (_, ManifestKind::Image { config, .. }) => Some(config.media_type.as_str()),
            _ => None,
        }
    }
}

impl Body {
    fn take_kind(&mut self, media_type: &MediaType) -> Result<ManifestKind, ManifestError> {
        let missing = |field| ManifestError::Missing { media_type: media_type.clone(), field };
        let ambiguous = |field| ManifestError::Ambiguous { media_type: media_type.clone(), field };
        if media_type.is_image() {
            if self.manifests.is_some() {
                return Err(ambiguous("manifests"));
            }
            let config = Box::new(self.config.take().ok_or_else(|| missing("config"))?.0);
            Ok(ManifestKind::Image { config, layers: plain(self.layers.take().unwrap_or_default()) })
        } else {
            if self.config.is_some() || self.layers.is_some() {
                return Err(ambiguous("config` or `layers"));
            }
            let manifests = self.manifests.take().ok_or_else(|| missing("manifests"))?;
            Ok(ManifestKind::Index { manifests: plain(manifests) })
        }
    }
}

fn plain(descriptors: Vec<Object<Descriptor>>) -> Vec<Descriptor> {
    descriptors.into_iter().map(|descriptor| descriptor.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::media_type;

    fn parse(media_type: &'static str, text: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(&MediaType::known(media_type), text.as_bytes())
    }

    fn descriptor(media_type: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{}","size":2}}"#, "0".repeat(64))
    }

    #[test]
    fn an_image_has_config_and_layers() {
        let config = descriptor(media_type::WASM_CONFIG_V0);
        let layer = descriptor(media_type::WASM);
        let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#);
        let manifest = parse(media_type::OCI_MANIFEST, &text).unwrap();
        assert_eq!(manifest.blobs().count(), 2);
        assert_eq!(manifest.effective_artifact_type(), Some(media_type::WASM_CONFIG_V0));
        assert!(manifest.check_media_type().is_ok());
    }

    #[test]
    fn an_unknown_type_is_kept_but_not_followed() {
        let manifest = parse("application/vnd.example+json", r#"{"config":7,"artifactType":"x/y"}"#).unwrap();
        assert_eq!(
            (manifest.kind.clone(), manifest.effective_artifact_type()),
            (ManifestKind::Other, Some("x/y"))
        );
    }

    #[test]
    fn malformed_manifests_say_what_was_expected() {
        let config = descriptor(media_type::OCI_CONFIG);
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let image = media_type::OCI_MANIFEST;
        let cases = [
            (image, "", "is not a JSON object"),
            (image, "[]", "is not a JSON object"),
            (image, &deep, "recursion limit"),
            (image, r#"{"config":{}}"#, "is not a JSON object"),
            (image, r#"{"schemaVersion":1}"#, "schemaVersion"),
            (image, r#"{"schemaVersion":2}"#, "has no `config`"),
            (image, &format!(r#"{{"schemaVersion":2,"config":{config},"manifests":[]}}"#), "must not have"),
            (media_type::OCI_INDEX, r#"{"schemaVersion":2}"#, "has no `manifests`"),
            (media_type::OCI_INDEX, r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#, "must not have"),
        ];
        for (media_type, text, expected) in cases {
            let message = parse(media_type, text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_body_that_names_another_type_is_told_apart() {
        let text =
            format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#, media_type::OCI_MANIFEST);
        let manifest = parse(media_type::OCI_INDEX, &text).unwrap();
        assert!(manifest.check_media_type().unwrap_err().to_string().contains("must be the same"));
    }
}
