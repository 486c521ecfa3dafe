//! The credentials for the registry.

use std::collections::HashMap;

use super::lint_rule::rules;
use super::quoted::quoted;
use super::subject::spec_path;
use super::{Findings, Subject};
use crate::plugin::{ModuleSource, ModuleUrl};

rules! {
    SECRET_UNUSED: "secret-unused" Warning {
        title: "A pull secret for a web address",
        why: "The agents use `imagePullSecret` for `oci` URLs only; a web server gets no credentials. Yet the fetch \
              fails where the secret is missing.",
        fix: "Remove `imagePullSecret`, or serve the module from a registry.",
    },
    SECRET_LEAK: "secret-leak" Error {
        title: "A pull secret for a file",
        why: "Discovery puts the secret into the environment of the VM for the agent to use and remove. The agent leaves \
              resources with a local file alone, so the module can read the credentials.",
        fix: "Remove `imagePullSecret`.",
    },
    SECRET_NAMESPACE: "secret-namespace" Warning {
        title: "A namespace in the pull secret's name",
        why: "The secret is looked for in the WasmPlugin's own namespace, whatever the name says. Where it is missing \
              there, the agent does not even try to fetch.",
        fix: "Copy the secret into the WasmPlugin's namespace, and write its name alone.",
    },
    SECRET_SHARED: "secret-shared" Info {
        title: "One image with and without a pull secret",
        why: "The agent's cache does not know secrets: what it fetched with one resource's credentials it hands to every \
              other, without asking the registry. The one without a secret runs until the cache is empty, and fails then.",
        fix: "Write the same `imagePullSecret` for all of them.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let secret = &subject.spec().image_pull_secret;
    if secret.is_empty() {
        return;
    }
    let finding = |rule| subject.finding(rule, spec_path("imagePullSecret"));
    match subject.url.as_ref().map(ModuleUrl::source) {
        Ok(ModuleSource::Http(_)) => findings.push(finding(&SECRET_UNUSED).told(
            format!("{} is not used for a web address, which gets no credentials", quoted(secret)),
            "remove `imagePullSecret`",
        )),
        Ok(ModuleSource::File(_)) => findings.push(finding(&SECRET_LEAK).told(
            format!("the credentials in {} end up in the module's environment variables", quoted(secret)),
            "remove `imagePullSecret`",
        )),
        Ok(ModuleSource::Oci(_)) | Err(_) => {}
    }
    if let Some((_, name)) = secret.rsplit_once('/') {
        findings.push(finding(&SECRET_NAMESPACE).told(
            format!(
                "{} names a namespace, and the secret is looked for in `{}`",
                quoted(secret),
                subject.namespace()
            ),
            format!("write {}, and have that secret in `{}`", quoted(name), subject.namespace()),
        ));
    }
}

/// Tells of images that some resources name a secret for and others do not.
pub(super) fn check_all(subjects: &[Subject<'_>], findings: &mut Findings) {
    let images =
        subjects.iter().filter(|subject| subject.url.as_ref().is_ok_and(|url| url.image().is_some()));
    let secret = |subject: &Subject<'_>| subject.spec().image_pull_secret.clone();
    let with: HashMap<&str, &Subject<'_>> = images
        .clone()
        .filter(|subject| !secret(subject).is_empty())
        .map(|subject| (subject.spec().url.as_str(), subject))
        .collect();
    for subject in images.filter(|subject| secret(subject).is_empty()) {
        if let Some(other) = with.get(subject.spec().url.as_str()) {
            let name = quoted(&other.resource.plugin.full_name());
            let message =
                format!("{name} names a pull secret for the same image, and this resource does not");
            let fix = format!("write `imagePullSecret` with {}", quoted(&secret(other)));
            findings.push(subject.finding(&SECRET_SHARED, spec_path("url")).told(message, fix));
            findings.settle(subject);
        }
    }
}
