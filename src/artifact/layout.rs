use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// How a plugin is laid out as an OCI image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// An OCI image: metadata layers first, the last layer a gzip tar with `plugin.wasm`. What every current agent loads.
    #[default]
    Compat,
    /// Exactly two layers, the configuration and the raw module: agents check its digest to the last byte.
    Artifact,
    /// Docker's schema 2 with one layer, for registries and tools that know nothing else.
    Docker,
    /// CNCF's Wasm artifact with one `application/wasm` layer, for wkg and runwasi. No gateway loads it.
    Wasm,
}

impl Layout {
    /// Every layout, the default first.
    pub const ALL: [Self; 4] = [Self::Compat, Self::Artifact, Self::Docker, Self::Wasm];

    /// The name as typed on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compat => "compat",
            Self::Artifact => "artifact",
            Self::Docker => "docker",
            Self::Wasm => "wasm",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text names no layout.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("layout `{0}` is not one of `compat`, `artifact`, `docker`, `wasm`")]
pub struct LayoutError(String);

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let named = |layout: &Self| layout.name() == text;
        Self::ALL.into_iter().find(named).ok_or_else(|| LayoutError(text.chars().take(160).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_reads_back_from_its_name() {
        for layout in Layout::ALL {
            assert_eq!(layout.to_string().parse(), Ok(layout));
        }
        assert_eq!(Layout::default(), Layout::Compat);
        assert!("Compat".parse::<Layout>().unwrap_err().to_string().contains("`Compat` is not one of"));
    }
}
