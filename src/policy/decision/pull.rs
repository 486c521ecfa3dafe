use crate::oci::Digest;
use crate::plugin::{ModuleUrl, PullPolicy};

/// One delivery of one resource, as far as its module goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// Where the module is.
    pub url: ModuleUrl,
    /// The digest that the resource asks for, see [`given_sha256`].
    pub sha256: Option<Digest>,
    /// `imagePullPolicy`.
    pub policy: PullPolicy,
    /// The resource's name, whole.
    pub resource: String,
    /// The resource's version; two texts are compared, nothing else. Empty where there is none.
    pub version: String,
}

/// A text that is no `sha256`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sha256 `{0}` is not 64 lower-case hex digits")]
pub struct Sha256Error(String);

/// Reads the field `sha256`: 64 lower-case hex digits, or nothing. Control planes used to write `nil` for
/// nothing (Istio, `pkg/wasm/convert.go`).
pub fn given_sha256(text: &str) -> Result<Option<Digest>, Sha256Error> {
    match text {
        "" | "nil" => Ok(None),
        hex => format!("sha256:{hex}").parse().map(Some).map_err(|_| Sha256Error(hex.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nil_and_nothing_are_no_digest() {
        let hex = "0123456789abcdef".repeat(4);
        assert_eq!((given_sha256(""), given_sha256("nil")), (Ok(None), Ok(None)));
        assert_eq!(given_sha256(&hex).unwrap().unwrap().hex(), hex);
        for wrong in [&hex[1..], &hex.to_uppercase(), &format!("sha256:{hex}")] {
            assert_eq!(given_sha256(wrong), Err(Sha256Error(wrong.to_owned())));
        }
    }
}
