use std::fmt;

use serde::{Serialize, Serializer};

use super::Form;

/// `spec.imagePullPolicy`: when a gateway asks the registry again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PullPolicy {
    /// `UNSPECIFIED_POLICY`, or no field.
    #[default]
    Unspecified,
    /// `IfNotPresent`.
    IfNotPresent,
    /// `Always`.
    Always,
}

/// `spec.phase`: the slot of the filter chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// `UNSPECIFIED_PHASE`, or no field: at the chain's end, before the router.
    #[default]
    Unspecified,
    /// `AUTHN`: before Istio's authentication filters.
    Authn,
    /// `AUTHZ`: after authentication, before authorization.
    Authz,
    /// `STATS`: after authorization, before the statistics filters.
    Stats,
}

/// `spec.failStrategy`: what a module that cannot run does to traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FailStrategy {
    /// `FAIL_CLOSE`, or no field.
    #[default]
    FailClose,
    /// `FAIL_OPEN`.
    FailOpen,
    /// `FAIL_RELOAD`, which only Istio's form knows.
    FailReload,
}

impl PullPolicy {
    /// The words of the field, and what they mean.
    pub(super) const WORDS: [(&str, Self); 3] = [
        ("UNSPECIFIED_POLICY", Self::Unspecified),
        ("IfNotPresent", Self::IfNotPresent),
        ("Always", Self::Always),
    ];
}

impl Phase {
    /// The words of the field, and what they mean.
    pub(super) const WORDS: [(&str, Self); 4] = [
        ("UNSPECIFIED_PHASE", Self::Unspecified),
        ("AUTHN", Self::Authn),
        ("AUTHZ", Self::Authz),
        ("STATS", Self::Stats),
    ];
}

impl FailStrategy {
    /// The words that `form` has for the field, and what they mean.
    pub(super) fn words(form: Form) -> &'static [(&'static str, Self)] {
        const WORDS: [(&str, FailStrategy); 3] = [
            ("FAIL_CLOSE", FailStrategy::FailClose),
            ("FAIL_OPEN", FailStrategy::FailOpen),
            ("FAIL_RELOAD", FailStrategy::FailReload),
        ];
        match form {
            Form::Higress => &WORDS[..2],
            Form::Istio => &WORDS,
        }
    }
}

/// The word that stands for `value`.
macro_rules! as_str_by {
    ($type:ty, $words:expr) => {
        impl $type {
            /// The value as the resource writes it.
            pub fn as_str(self) -> &'static str {
                let found = $words.iter().find(|(_, value)| *value == self);
                found.map_or("", |(word, _)| word)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

as_str_by!(PullPolicy, PullPolicy::WORDS);
as_str_by!(Phase, Phase::WORDS);
as_str_by!(FailStrategy, FailStrategy::words(Form::Istio));
