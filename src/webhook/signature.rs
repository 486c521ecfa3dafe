use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Signs what is sent (Standard Webhooks 1.0.0, "Signature scheme").
#[derive(Clone)]
pub(super) struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    pub(super) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of every length"))
    }

    /// The value of `webhook-signature` for the body of a message, sent `timestamp` seconds after the Unix epoch.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use crate::webhook::Secret;

    #[test]
    fn signatures_are_those_of_the_published_example_and_of_openssl() {
        for (secret, id, timestamp, body, expected) in [
            // The example of Standard Webhooks' own libraries.
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            // printf '7-1.1700000000.{"a":1}' | openssl dgst -sha256 -hmac '<secret>' -binary | base64
            (
                "a secret of thirty-two letters.",
                "7-1",
                1_700_000_000,
                r#"{"a":1}"#,
                "v1,ZgdqEr3BdXqyLDRrRtV4GtyJ7q4HKVk8hkQi6Ft6p4c=",
            ),
        ] {
            let key = Secret::new(secret).key().unwrap();
            assert_eq!(key.sign(id, timestamp, body.as_bytes()), expected, "{id}");
        }
    }
}
