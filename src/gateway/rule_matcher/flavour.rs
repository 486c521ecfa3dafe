use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Whose rule matcher the module carries: the SDK that the plugin was built with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// The Go SDK of today: `pkg/matcher/rule_matcher.go` of higress-group/wasm-go.
    #[default]
    Go,
    /// `parseRuleConfig` of `plugins/wasm-cpp/common/route_rule_matcher.h` of Higress.
    Cpp,
    /// `parseAuthRuleConfig` of the same file, with `global_auth` and `allow`: basic-auth, key-auth,
    /// jwt-auth, hmac-auth and oauth.
    CppAuth,
    /// `plugins/wasm-rust/src/rule_matcher.rs` of Higress.
    Rust,
    /// `plugins/wasm-assemblyscript/assembly/rule_matcher.ts` of Higress.
    #[serde(rename = "assemblyscript")]
    AssemblyScript,
}

impl Flavour {
    /// Every flavour, the default first.
    pub const ALL: [Self; 5] = [Self::Go, Self::Cpp, Self::CppAuth, Self::Rust, Self::AssemblyScript];

    /// The word for it on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Cpp => "cpp",
            Self::CppAuth => "cpp-auth",
            Self::Rust => "rust",
            Self::AssemblyScript => "assemblyscript",
        }
    }

    /// Whether `_disable_` means anything to it.
    pub fn knows_disable(self) -> bool {
        matches!(self, Self::Cpp | Self::CppAuth)
    }

    /// The SDK, for a sentence.
    pub(super) fn sdk(self) -> &'static str {
        match self {
            Self::Go => "the Go SDK",
            Self::Cpp => "the C++ SDK",
            Self::CppAuth => "the C++ SDK's authentication parser",
            Self::Rust => "the Rust SDK",
            Self::AssemblyScript => "the AssemblyScript SDK",
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no flavour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no flavour: expected `go`, `cpp`, `cpp-auth`, `rust` or `assemblyscript`")]
pub struct UnknownFlavour(String);

impl FromStr for Flavour {
    type Err = UnknownFlavour;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|flavour| flavour.name() == text)
            .ok_or_else(|| UnknownFlavour(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flavour_is_read_as_it_is_written() {
        for flavour in Flavour::ALL {
            assert_eq!(flavour.to_string().parse(), Ok(flavour));
            assert_eq!(serde_json::to_value(flavour).unwrap(), flavour.name());
        }
    }

    #[test]
    fn another_word_is_refused_with_the_words_there_are() {
        let refusal = "tinygo".parse::<Flavour>().unwrap_err().to_string();
        assert_eq!(
            refusal,
            "`tinygo` is no flavour: expected `go`, `cpp`, `cpp-auth`, `rust` or `assemblyscript`"
        );
    }
}
