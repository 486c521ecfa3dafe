use crate::oci::Digest;
use crate::plugin::{EffectivePolicy, ModuleUrl};

use super::rules::{Rules, TagScope, Untagged};
use super::{Flavour, ModuleKey, ModuleName, Pull};

/// A pull as an agent reads it.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) rules: &'static Rules,
    pub(super) pull: &'a Pull,
    /// The URL in full.
    pub(super) url: String,
    pub(super) name: ModuleName,
    /// The digest that is asked for, whatever the policy.
    pub(super) pin: Option<Digest>,
    pub(super) policy: EffectivePolicy,
}

impl<'a> Subject<'a> {
    pub(super) fn new(flavour: Flavour, pull: &'a Pull) -> Self {
        let rules = flavour.rules();
        let url = read(&pull.url, rules.untagged);
        let sha256 = pull.sha256.as_ref().map_or("", Digest::hex);
        Self {
            rules,
            pull,
            name: ModuleName::of(&url),
            pin: pull.sha256.as_ref().or(url.digest()).cloned(),
            policy: pull.policy.effective(&url, sha256),
            url: url.with_scheme(),
        }
    }

    /// The key under which a module with `checksum` is found.
    pub(super) fn key(&self, checksum: Digest) -> ModuleKey {
        ModuleKey { name: self.name.clone(), checksum }
    }

    /// Whether the URL may stand for different modules in its time and so has an entry in the tag map (Istio,
    /// `updateChecksum`).
    pub(super) fn is_tagged(&self) -> bool {
        match self.rules.tag_scope {
            TagScope::Shared => self.pull.url.digest().is_none(),
            TagScope::Resource => self.pin.is_none(),
        }
    }
}

/// The URL as the agent reads it.
fn read(url: &ModuleUrl, untagged: Untagged) -> ModuleUrl {
    let image = url.image().filter(|image| image.tag.is_none() && image.digest.is_none());
    match (image, untagged) {
        (Some(_), Untagged::Latest) => {
            format!("{}:latest", url.with_scheme()).parse().unwrap_or_else(|_| url.clone())
        }
        _ => url.clone(),
    }
}
