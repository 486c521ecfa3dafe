use super::{
    Config, ConfigSchema, FailStrategy, Form, ImageFacts, MatchRule, Metadata, ModuleUrl, ModuleUrlError,
    Phase, PullPolicy, Spec, Violation, WasmPlugin,
};
use crate::oci::{ImageReference, Tag};

/// What somebody wants of a `WasmPlugin` that is still to be written. What is left open is the plugin author's to say,
/// in the image's `spec.yaml`.
#[derive(Clone, Debug, Default)]
pub struct NewWasmPlugin {
    /// `metadata.name`; without it, the last part of the repository's name.
    pub name: Option<String>,
    /// `metadata.namespace`; without it, [`NewWasmPlugin::NAMESPACE`].
    pub namespace: Option<String>,
    /// How `url` names the image.
    pub naming: ImageNaming,
    /// `spec.imagePullPolicy`; left open, the one that agents act on anyhow is spelled out.
    pub pull_policy: PullPolicy,
    /// `spec.imagePullSecret`.
    pub pull_secret: Option<String>,
    /// `spec.phase`.
    pub phase: Option<Phase>,
    /// `spec.priority`.
    pub priority: Option<i32>,
    /// `spec.failStrategy`.
    pub fail_strategy: FailStrategy,
    /// Where the plugin acts.
    pub scope: PluginScope,
    /// The configuration for there.
    pub config: InitialConfig,
}

/// How `url` names an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageNaming {
    /// By the tag or digest it was asked for by.
    #[default]
    AsGiven,
    /// By the digest of the manifest that agents use.
    Pinned,
}

/// Where a new plugin acts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PluginScope {
    /// Everywhere: the configuration is `defaultConfig`.
    #[default]
    Everywhere,
    /// For these hosts only.
    Domains(Vec<String>),
    /// For these routes only.
    Ingresses(Vec<String>),
    /// For these upstream services only.
    Services(Vec<String>),
}

/// The configuration to begin with.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum InitialConfig {
    /// What the schema's defaults make of nothing.
    #[default]
    Defaults,
    /// The author's example.
    Example,
    /// This one.
    Given(Config),
    /// None, to be written by hand.
    Absent,
}

/// Why there is no such `WasmPlugin`.
#[derive(Debug, thiserror::Error)]
pub enum NewWasmPluginError {
    /// Kubernetes takes no such name.
    #[error(
        "`{0}` is no name of a resource: expected lower-case letters, digits, `-` and `.`, with a letter or digit at \
         both ends, at most 253 in all"
    )]
    Name(String),
    /// Kubernetes takes no such namespace.
    #[error(
        "`{0}` is no namespace: expected lower-case letters, digits and `-`, with a letter or digit at both ends, at \
         most 63 in all"
    )]
    Namespace(String),
    /// The reference is no URL that agents understand.
    #[error(transparent)]
    Url(#[from] ModuleUrlError),
    /// Nothing that could be pinned.
    #[error("the image is an index without a child for linux/amd64, so that there is no digest to pin")]
    NothingToPin,
    /// The author wrote no example.
    #[error("the image carries no example of a configuration")]
    NoExample,
    /// The configuration does not fit the plugin's schema.
    #[error("the configuration does not fit the plugin's schema:{}", lines(.0))]
    Config(Vec<Violation>),
}

fn lines(violations: &[Violation]) -> String {
    violations.iter().fold(String::new(), |lines, violation| lines + "\n  " + &violation.to_string())
}

impl NewWasmPlugin {
    /// The namespace that Higress's controller watches by default.
    pub const NAMESPACE: &'static str = "higress-system";

    /// Writes the resource for `image`, of which `facts` are known.
    pub fn build(
        &self,
        image: &ImageReference,
        facts: &ImageFacts,
    ) -> Result<WasmPlugin, NewWasmPluginError> {
        let url = self.url(image, facts)?;
        let declared = facts.declaration.as_ref();
        let spec = Spec {
            image_pull_policy: self.pull_policy.effective(&url, "").field(),
            url: url.as_str().to_owned(),
            image_pull_secret: self.pull_secret.clone().unwrap_or_default(),
            phase: self.phase.or_else(|| declared?.phase).unwrap_or_default(),
            priority: self.priority.or_else(|| declared?.priority),
            fail_strategy: self.fail_strategy,
            ..Spec::default()
        };
        Ok(WasmPlugin {
            form: Form::Higress,
            metadata: self.metadata(image)?,
            spec: self.configure(spec, facts)?,
        })
    }

    /// Names the resource for `image`, of which nothing more needs to be known.
    pub fn metadata(&self, image: &ImageReference) -> Result<Metadata, NewWasmPluginError> {
        let name = self.name.clone().unwrap_or_else(|| name_of(image));
        let namespace = self.namespace.clone().unwrap_or_else(|| Self::NAMESPACE.to_owned());
        if !Metadata::is_name(&name) {
            return Err(NewWasmPluginError::Name(name));
        }
        if !Metadata::is_namespace(&namespace) {
            return Err(NewWasmPluginError::Namespace(namespace));
        }
        Ok(Metadata { name, namespace: Some(namespace), ..Metadata::default() })
    }

    /// What the configuration has to look like in this scope, where the author says so.
    pub fn schema<'a>(&self, facts: &'a ImageFacts) -> Option<&'a ConfigSchema> {
        match self.scope {
            PluginScope::Everywhere => facts.config_schema(),
            PluginScope::Domains(_) | PluginScope::Ingresses(_) | PluginScope::Services(_) => {
                facts.rule_config_schema()
            }
        }
    }

    /// The URL, with a scheme: without one, agents take a host with a port for a scheme.
    ///
    /// A digest is always that of the manifest that agents use, and a tag is always named: agents fetch `latest` without
    /// one, but their policy for `latest` is for URLs that say so.
    fn url(&self, image: &ImageReference, facts: &ImageFacts) -> Result<ModuleUrl, NewWasmPluginError> {
        let image = if self.naming == ImageNaming::Pinned || image.digest.is_some() {
            image.pinned(facts.manifest_digest().ok_or(NewWasmPluginError::NothingToPin)?.clone())
        } else {
            ImageReference { tag: Some(image.tag.clone().unwrap_or_else(Tag::latest)), ..image.clone() }
        };
        Ok(format!("oci://{image}").parse()?)
    }

    /// Puts the configuration where the scope wants it.
    fn configure(&self, spec: Spec, facts: &ImageFacts) -> Result<Spec, NewWasmPluginError> {
        let config = self.config(self.schema(facts))?;
        let rule = match self.scope.clone() {
            PluginScope::Everywhere => return Ok(Spec { default_config: config, ..spec }),
            PluginScope::Domains(domain) => MatchRule { domain, ..MatchRule::default() },
            PluginScope::Ingresses(ingress) => MatchRule { ingress, ..MatchRule::default() },
            PluginScope::Services(service) => MatchRule { service, ..MatchRule::default() },
        };
        Ok(Spec { match_rules: vec![MatchRule { config, ..rule }], default_config_disable: true, ..spec })
    }

    /// The configuration, which fits `schema`. Defaults of nothing are no configuration.
    fn config(&self, schema: Option<&ConfigSchema>) -> Result<Option<Config>, NewWasmPluginError> {
        let config = match &self.config {
            InitialConfig::Absent => return Ok(None),
            InitialConfig::Defaults => schema.map(ConfigSchema::defaults).cloned().unwrap_or_default(),
            InitialConfig::Example => {
                schema.and_then(ConfigSchema::example).cloned().ok_or(NewWasmPluginError::NoExample)?
            }
            InitialConfig::Given(config) => config.clone(),
        };
        let violations = schema.map(|schema| schema.check(&config)).unwrap_or_default();
        if !violations.is_empty() {
            return Err(NewWasmPluginError::Config(violations));
        }
        let says_something = !config.is_empty() || matches!(self.config, InitialConfig::Given(_));
        Ok(says_something.then_some(config))
    }
}

/// The last part of the repository's name, with nothing in it that Kubernetes refuses in a name.
fn name_of(image: &ImageReference) -> String {
    let last = image.repository.as_str().rsplit('/').next().unwrap_or_default();
    // Lower-case letters, digits and separators, with a letter or digit at both ends: so repositories are named.
    let name: String =
        last.chars().take(Metadata::LONGEST_NAME).map(|c| if c == '_' { '-' } else { c }).collect();
    name.trim_end_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests;
