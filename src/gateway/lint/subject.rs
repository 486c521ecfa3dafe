use std::borrow::Cow;
use std::collections::HashSet;

use super::conditions::WrittenRule;
use super::quoted::one_line;
use super::{Finding, LintInput, LintRule};
use crate::gateway::{Conversion, Flavour, GatewaySettings, convert};
use crate::plugin::{
    Config, EffectivePolicy, FieldPath, Form, ImageFacts, ModuleUrl, ModuleUrlError, Place, Resource, Spec,
};

/// One resource under the linter's eyes, with what several checks want to know of it.
pub(super) struct Subject<'a> {
    /// The file, as the caller names it.
    pub(super) file: &'a str,
    /// The resource.
    pub(super) resource: &'a Resource,
    /// Everything else that is known.
    pub(super) input: &'a LintInput<'a>,
    /// What its URL means.
    pub(super) url: Result<ModuleUrl, ModuleUrlError>,
    /// What Higress makes of it, wherever it is.
    pub(super) conversion: Conversion,
    /// The rules that the module gets, where they are written.
    pub(super) rules: Vec<WrittenRule<'a>>,
    /// The ways to values that could not be read.
    lost: HashSet<FieldPath>,
    /// The same, and all that lies on them.
    unread: HashSet<FieldPath>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(file: &'a str, resource: &'a Resource, input: &'a LintInput<'a>) -> Self {
        let plugin = &resource.plugin;
        Self {
            file,
            resource,
            input,
            url: plugin.spec.url.parse(),
            conversion: convert(plugin, &at_home(plugin.metadata.namespace.as_deref(), &input.settings)),
            rules: WrittenRule::all(plugin),
            lost: resource.faults.iter().map(|fault| fault.path.clone()).collect(),
            unread: resource.faults.iter().flat_map(|fault| prefixes(&fault.path)).collect(),
        }
    }

    /// `spec`.
    pub(super) fn spec(&self) -> &'a Spec {
        &self.resource.plugin.spec
    }

    /// Whether Higress converts it.
    pub(super) fn is_higress(&self) -> bool {
        self.resource.plugin.form == Form::Higress
    }

    /// Whether all of the value at `path` could be read.
    pub(super) fn is_read(&self, path: &FieldPath) -> bool {
        !self.unread.contains(path) && !prefixes(path).iter().any(|prefix| self.lost.contains(prefix))
    }

    /// The namespace; Higress's own where the file names none.
    pub(super) fn namespace(&self) -> &'a str {
        let namespace = self.resource.plugin.metadata.namespace.as_deref();
        namespace.unwrap_or(if self.is_higress() { &self.input.settings.namespace } else { "default" })
    }

    /// Whose rule matcher the module carries, if known.
    pub(super) fn flavour(&self) -> Option<Flavour> {
        self.input.flavours.chosen(&self.resource.plugin.metadata.name)
    }

    /// What the registry says of the image, if somebody asked.
    pub(super) fn image(&self) -> Option<&'a ImageFacts> {
        self.input.images.get(&self.spec().url)
    }

    /// What the agents do with the URL; none where they can do nothing.
    pub(super) fn effective_policy(&self) -> Option<EffectivePolicy> {
        let url = self.url.as_ref().ok()?;
        Some(self.spec().image_pull_policy.effective(url, &self.spec().sha256))
    }

    /// The configuration that the module gets, rules aside, and the field that it is written in.
    pub(super) fn config(&self) -> (&'static str, Option<&'a Config>) {
        let spec = self.spec();
        match (&spec.plugin_config, spec.default_config_disable) {
            (Some(config), _) => ("pluginConfig", Some(config)),
            (None, _) if !self.is_higress() => ("pluginConfig", None),
            (None, true) => ("defaultConfig", None),
            (None, false) => ("defaultConfig", spec.default_config.as_ref()),
        }
    }

    /// A finding of `rule` at `path`, still without words.
    pub(super) fn finding(&self, rule: &'static LintRule, path: FieldPath) -> Untold<'_, 'a> {
        Untold { subject: self, rule, path }
    }
}

/// A finding that wants its message.
pub(super) struct Untold<'s, 'a> {
    subject: &'s Subject<'a>,
    rule: &'static LintRule,
    path: FieldPath,
}

impl Untold<'_, '_> {
    /// What is wrong, and what to write instead.
    pub(super) fn told(self, message: impl AsRef<str>, fix: impl AsRef<str>) -> Finding {
        let Self { subject, rule, path } = self;
        Finding {
            rule,
            severity: rule.severity,
            file: subject.file.to_owned(),
            // Looked up when the resource is done with.
            place: Place::default(),
            path,
            plugin: Some(subject.resource.plugin.full_name()),
            message: one_line(message.as_ref()),
            fix: one_line(fix.as_ref()),
        }
    }
}

/// The field `key` of `spec`.
pub(super) fn spec_path(key: &str) -> FieldPath {
    FieldPath::of(&["spec", key])
}

/// The settings of a controller that looks at `namespace`: what else is wrong matters in the wrong namespace too.
fn at_home<'s>(namespace: Option<&str>, settings: &'s GatewaySettings) -> Cow<'s, GatewaySettings> {
    match namespace {
        Some(namespace) if namespace != settings.namespace => {
            Cow::Owned(GatewaySettings { namespace: namespace.to_owned(), ..settings.clone() })
        }
        _ => Cow::Borrowed(settings),
    }
}

fn prefixes(path: &FieldPath) -> Vec<FieldPath> {
    let mut prefix = FieldPath::root();
    let longer = path.steps().iter().map(|step| {
        prefix = prefix.step(step.clone());
        prefix.clone()
    });
    longer.collect()
}
