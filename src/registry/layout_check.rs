use serde::{Deserialize, Serialize};

use super::{Error, Registry, Result};
use crate::artifact::{self, Agent, Limits, Outcome, Verdict};
use crate::oci::{Manifest, RepositoryName, RepositoryPattern};

/// What happens to images that gateways cannot load: the `[plugins]` section.
///
/// Only images that hold a Wasm module are looked at; everything else passes untouched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plugins {
    /// `warn` stores the image and says so in a `Warning` header; `refuse` does not store it; `ignore` does not look.
    /// Default: `warn`.
    pub on_unloadable: OnUnloadable,
    /// The agents that matter. Default: the gateways of supported releases, which are Istio from 1.16 on, Higress 2.x
    /// and Envoy Gateway.
    pub agents: Vec<Agent>,
    /// Exceptions by repository; the first one that matches counts.
    pub rules: Vec<PluginRule>,
}

/// An exception for some repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginRule {
    /// Which repositories: `*` within a part of the name, `**` across parts, as in `plugins/**`.
    pub repository: RepositoryPattern,
    /// What happens there.
    pub on_unloadable: OnUnloadable,
}

/// What to do with an image that holds a module and that some agent cannot load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnloadable {
    /// Store it and say so.
    #[default]
    Warn,
    /// Refuse it.
    Refuse,
    /// Do not look.
    Ignore,
}

impl Default for Plugins {
    fn default() -> Self {
        let agents = vec![Agent::Istio1_16To1_29, Agent::Istio1_30, Agent::Higress2, Agent::EnvoyGateway];
        Self { on_unloadable: OnUnloadable::default(), agents, rules: Vec::new() }
    }
}

impl Plugins {
    fn action(&self, repository: &RepositoryName) -> OnUnloadable {
        let rule = self.rules.iter().find(|rule| rule.repository.matches(repository));
        rule.map_or(self.on_unloadable, |rule| rule.on_unloadable)
    }
}

impl Registry {
    /// Warns of agents that cannot load a pushed image, or refuses it, as configured for the repository.
    pub(super) async fn check_layout(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
    ) -> Result<Vec<String>> {
        let plugins = &self.config.plugins;
        let action = plugins.action(repository);
        if action == OnUnloadable::Ignore {
            return Ok(Vec::new());
        }
        let warnings = self.unloadable(repository, manifest).await?;
        match action {
            OnUnloadable::Refuse if !warnings.is_empty() => Err(Error::Unloadable(warnings.join("; "))),
            _ => Ok(warnings),
        }
    }

    /// Which of the configured agents cannot load an image and why, one sentence for each reason; nothing is said of
    /// images that hold no module.
    pub(super) async fn unloadable(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
    ) -> Result<Vec<String>> {
        if manifest.layers().is_empty() {
            return Ok(Vec::new());
        }
        let content = self.examine(repository, manifest).await?;
        if !artifact::holds_module(manifest, content.as_ref()) {
            return Ok(Vec::new());
        }
        let agents = &self.config.plugins.agents;
        let verdicts = artifact::verdicts(manifest, content.as_ref()).into_iter();
        Ok(warnings(verdicts.filter(|verdict| agents.contains(&verdict.agent))))
    }

    /// What the image's module layer holds; `None` where it has none, or does not hold it yet.
    async fn examine(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
    ) -> Result<Option<artifact::LayerContent>> {
        let Ok(layer) = artifact::module_layer(manifest) else { return Ok(None) };
        let Some(blob) = self.store.find_blob(repository, &layer.descriptor.digest).await? else {
            return Ok(None);
        };
        let encoding = layer.encoding;
        let examining = move || artifact::examine(encoding, blob.reader(), &Limits::probe());
        let examined = tokio::task::spawn_blocking(examining).await.map_err(|_| Error::Interrupted)?;
        examined.map(Some).map_err(Error::Unpack)
    }
}

/// One sentence for each reason, naming the agents it holds for.
fn warnings(verdicts: impl Iterator<Item = Verdict>) -> Vec<String> {
    let mut by_reason: Vec<(String, Vec<Agent>)> = Vec::new();
    for verdict in verdicts {
        let Outcome::Refuses { reason } = verdict.outcome else { continue };
        match by_reason.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, agents)) => agents.push(verdict.agent),
            None => by_reason.push((reason, vec![verdict.agent])),
        }
    }
    let sentence = |(reason, agents): (String, Vec<Agent>)| {
        let agents: Vec<_> = agents.iter().map(ToString::to_string).collect();
        format!("{} cannot load this image: {reason}", agents.join(", "))
    };
    by_reason.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rule = |pattern: &str, on_unloadable| PluginRule {
            repository: pattern.to_owned().try_into().unwrap(),
            on_unloadable,
        };
        let plugins = Plugins {
            rules: vec![
                rule("plugins/lab/*", OnUnloadable::Ignore),
                rule("plugins/**", OnUnloadable::Refuse),
            ],
            ..Plugins::default()
        };
        for (repository, expected) in [
            ("plugins/lab/x", OnUnloadable::Ignore),
            ("plugins/lab/x/y", OnUnloadable::Refuse),
            ("plugins/x", OnUnloadable::Refuse),
            ("library/x", OnUnloadable::Warn),
        ] {
            assert_eq!(plugins.action(&repository.parse().unwrap()), expected, "{repository}");
        }
    }

    #[test]
    fn agents_with_the_same_reason_share_a_sentence() {
        let refuses = |agent, reason: &str| Verdict {
            agent,
            outcome: Outcome::Refuses { reason: reason.to_owned() },
            note: None,
        };
        let verdicts = [
            refuses(Agent::Higress2, "a"),
            refuses(Agent::EnvoyGateway, "b"),
            refuses(Agent::Istio1_30, "a"),
            Verdict { agent: Agent::WkgRunwasi, outcome: Outcome::Loads, note: None },
        ];
        let expected = [
            "Higress 2.x, Istio 1.30 and later cannot load this image: a",
            "Envoy Gateway cannot load this image: b",
        ];
        assert_eq!(warnings(verdicts.into_iter()), expected);
    }
}
