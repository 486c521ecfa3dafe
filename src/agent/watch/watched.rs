use crate::agent::PullSecret;
use crate::oci::{Digest, RegistryHost};
use crate::policy::Pull;

/// A plugin whose URL may come to stand for something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// How it is pulled.
    pub pull: Pull,
    /// With which secret.
    pub secret: Option<PullSecret>,
    /// What its module was found by.
    pub manifest: Option<Digest>,
}

/// A plugin whose URL stands for something else than what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The name of its resource.
    pub resource: String,
    /// What the URL stands for now, where that is a digest.
    pub names: Option<Digest>,
}

impl Watched {
    /// The registry that its image is in.
    pub(super) fn host(&self) -> Option<&RegistryHost> {
        self.pull.url.image().map(|image| &image.registry)
    }
}
