use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};

use super::signature::SigningKey;

/// What takes the place of a secret wherever it is printed.
const STARS: &str = "***";
/// What a secret in base64 begins with (Standard Webhooks 1.0.0, "Signature scheme").
const BASE64_PREFIX: &str = "whsec_";
/// "The secret's length must be between 24 bytes (192 bits) and 64 bytes" (ibid.); more does no harm.
const LEAST_BYTES: usize = 24;

/// What requests are signed with: `whsec_` and base64, or a text whose bytes are the key. It prints as `***`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// Why a text cannot be a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It was printed somewhere, and copied from there.
    #[error("is `{STARS}`, which is what stands for one where it is printed, expected the secret itself")]
    Stars,
    /// The base64 is none.
    #[error("is not base64 behind `{BASE64_PREFIX}`, expected it to be")]
    Base64,
    /// It could be guessed.
    #[error("has {0} bytes, expected at least {LEAST_BYTES}")]
    Short(usize),
}

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key that it stands for.
    pub(super) fn key(&self) -> Result<SigningKey, SecretError> {
        let bytes = match self.0.strip_prefix(BASE64_PREFIX) {
            Some(base64) => STANDARD.decode(base64).map_err(|_| SecretError::Base64)?,
            None if self.0 == STARS => return Err(SecretError::Stars),
            None => self.0.clone().into_bytes(),
        };
        if bytes.len() < LEAST_BYTES {
            Err(SecretError::Short(bytes.len()))
        } else {
            Ok(SigningKey::new(&bytes))
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(STARS)
    }
}
