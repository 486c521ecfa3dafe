//! Where the module comes from.

use std::net::IpAddr;

use url::Host;

use super::lint_rule::rules;
use super::quoted::quoted;
use super::subject::spec_path;
use super::{Finding, Findings, LintRule, Subject};
use crate::oci::ImageReference;
use crate::plugin::{EffectivePolicy, ModuleSource, ModuleUrl, ModuleUrlError, PullPolicy};

rules! {
    NO_URL: "no-url" Error {
        title: "No URL",
        why: "There is nothing to load. Istio's webhook refuses the resource; Higress takes it, and no gateway gets the \
              plugin.",
        fix: "Write `url: oci://host/repository:tag`.",
    },
    MISSING_SCHEME: "missing-scheme" Error {
        title: "A colon in a URL without a scheme",
        why: "Discovery reads the text as a URL before it adds `oci://`, so what stands before the first colon is taken \
              for the scheme and the agents refuse it; an IP address with a port is no URL at all, and the plugin is \
              left out with a line in discovery's log.",
        fix: "Write `oci://` before the host.",
    },
    IMPLICIT_SCHEME: "implicit-scheme" Info {
        title: "A URL without a scheme",
        why: "Discovery adds `oci://`, but only as long as no port comes after the host: with one, the host is taken \
              for the scheme.",
        fix: "Write `oci://` before the host.",
    },
    UNKNOWN_SCHEME: "unknown-scheme" Error {
        title: "A scheme that no agent knows",
        why: "Istio's webhook refuses the resource. Higress has no webhook: there the agent cannot fetch the module, \
              and `failStrategy` decides what happens to traffic.",
        fix: "Use `oci`, `https`, `http` or `file`.",
    },
    MALFORMED_URL: "malformed-url" Error {
        title: "A URL that cannot be read",
        why: "The agent cannot fetch the module, and `failStrategy` decides what happens to traffic.",
        fix: "Write `oci://host/repository:tag`, with the repository in lower case.",
    },
    DOCKER_HUB: "docker-hub" Info {
        title: "An image reference without a registry",
        why: "The agents' registry client takes the first part for a registry only where it has a `.` or a `:`; \
              otherwise the image is Docker Hub's.",
        fix: "Write the registry's host, `docker.io` if Docker Hub is meant.",
    },
    LOOPBACK_URL: "loopback-url" Warning {
        title: "A registry on the loopback address",
        why: "The agent asks the loopback address of its own pod, where no registry runs, and not the machine that the \
              image was pushed from.",
        fix: "Write a host that the gateway's pods reach.",
    },
    UNTAGGED_IMAGE: "untagged-image" Warning {
        title: "An image without a tag",
        why: "The agents fetch the tag `latest`, but treat the URL as one with a fixed tag: with no pull policy, a \
              gateway never asks again, and gateways that start at different times run different modules (Istio 1.14 \
              and later).",
        fix: "Write the version's tag, or pin the digest.",
    },
    LATEST_TAG: "latest-tag" Warning {
        title: "The tag `latest`",
        why: "With no pull policy the agents treat `:latest` as `Always`: each time the resource's version changes they \
              run whatever the tag stands for by then. A bad push reaches the gateways unasked, and nobody can tell \
              which module runs.",
        fix: "Write the version's tag, or pin the digest.",
    },
    RELATIVE_FILE_URL: "relative-file-url" Warning {
        title: "A file URL with two slashes",
        why: "Discovery takes off `file://` and hands the rest to Envoy as it is, so that the path is relative to \
              wherever Envoy was started.",
        fix: "Write three slashes: `file:///` and an absolute path.",
    },
    FILE_URL: "file-url" Info {
        title: "A file in the proxy's container",
        why: "The agent passes the path through: it fetches nothing, compares no digest and follows no pull policy. The \
              file has to be in the container of every proxy before the plugin is.",
        fix: "Mount the file into every gateway pod, or serve it from a registry.",
    },
    PLAIN_HTTP_URL: "plain-http-url" Warning {
        title: "A module over plain HTTP, without a digest",
        why: "Whoever is on the way can replace the module, which then sees every request. In a cluster's own network \
              that is common; out of it there is no excuse.",
        fix: "Use `https`, or write `sha256`.",
    },
    LOCAL_HTTP_REGISTRY: "local-http-registry" Info {
        title: "A registry whose host ends in `.local`",
        why: "The registry client of Istio 1.19 to 1.27, and of Higress with it, tries plain HTTP for `*.local` hosts; \
              later ones only speak TLS to them, unless the registry answers TLS with HTTP or is listed in \
              `WASM_INSECURE_REGISTRIES`.",
        fix: "Give the registry a certificate before the gateways are upgraded.",
    },
    ARCHIVE_URL: "archive-url" Info {
        title: "An archive over HTTP",
        why: "The agent unpacks gzip and tar until it comes to a module, and of a tar file it takes the first entry, \
              whatever its name.",
        fix: "Serve the `.wasm` file itself, or put it first into the archive.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    match &subject.url {
        Err(error) => {
            if subject.is_read(&spec_path("url")) {
                findings.push(unusable(subject, error));
            }
        }
        Ok(url) => match url.source() {
            ModuleSource::Oci(image) => check_image(subject, url, image, findings),
            ModuleSource::Http(address) => check_web(subject, address, findings),
            ModuleSource::File(path) => check_file(subject, path, findings),
        },
    }
}

fn tell(
    subject: &Subject<'_>,
    rule: &'static LintRule,
    message: impl AsRef<str>,
    fix: impl AsRef<str>,
) -> Finding {
    subject.finding(rule, spec_path("url")).told(message, fix)
}

fn unusable(subject: &Subject<'_>, error: &ModuleUrlError) -> Finding {
    // Errors say what to write after the semicolon, if they know.
    let said = error.to_string();
    let (message, fix) = said.split_once("; ").unwrap_or((&said, ""));
    let (rule, fix): (&'static LintRule, &str) = match error {
        ModuleUrlError::Empty => (&NO_URL, "write `url: oci://host/repository:tag`"),
        ModuleUrlError::HostReadAsScheme { .. } | ModuleUrlError::AddressWithoutScheme { .. } => {
            (&MISSING_SCHEME, fix)
        }
        ModuleUrlError::UnknownScheme { .. } => (&UNKNOWN_SCHEME, "write `oci://host/repository:tag`"),
        ModuleUrlError::Image { .. } => {
            (&MALFORMED_URL, "write `oci://host/repository:tag`, all in lower case")
        }
        ModuleUrlError::Web { .. } => (&MALFORMED_URL, "write `https://host/path`"),
        ModuleUrlError::File { .. } => (&MALFORMED_URL, "write `file:///` and an absolute path"),
    };
    tell(subject, rule, message, fix)
}

fn check_image(subject: &Subject<'_>, url: &ModuleUrl, image: &ImageReference, findings: &mut Findings) {
    let full = format!("oci://{image}");
    if !url.has_scheme() {
        let message = format!(
            "{} has no scheme, and is read as `oci` only because it has no port",
            quoted(url.as_str())
        );
        findings.push(tell(
            subject,
            &IMPLICIT_SCHEME,
            message,
            format!("write {}", quoted(&url.with_scheme())),
        ));
    }
    if image.registry.as_str() == "index.docker.io" && !url.as_str().contains("docker.io") {
        let message = format!(
            "{} names no registry, so it is Docker Hub's image {}",
            quoted(url.as_str()),
            quoted(&full)
        );
        findings.push(tell(subject, &DOCKER_HUB, message, "write the registry's host before the repository"));
    }
    if image.registry.is_loopback() {
        let message = format!("{} is the gateway's own pod", quoted(image.registry.as_str()));
        findings.push(tell(subject, &LOOPBACK_URL, message, "write a host that the gateway's pods reach"));
    } else if image.registry.host().rsplit_once('.').is_some_and(|(_, last)| last == "local")
        && !image.registry.as_str().ends_with(":443")
    {
        let message =
            format!("{} is asked over plain HTTP by some agents only", quoted(image.registry.as_str()));
        findings.push(tell(
            subject,
            &LOCAL_HTTP_REGISTRY,
            message,
            "give the registry a certificate, or check that it has one",
        ));
    }
    if subject.effective_policy() != Some(EffectivePolicy::Pinned) {
        check_tag(subject, url, image, findings);
    }
}

fn check_tag(subject: &Subject<'_>, url: &ModuleUrl, image: &ImageReference, findings: &mut Findings) {
    let fix = format!(
        "write the version: {}",
        quoted(&format!("oci://{}/{}:1.0.0", image.registry, image.repository))
    );
    if image.tag.is_none() {
        let then = match subject.effective_policy() {
            Some(EffectivePolicy::Always) => "whatever that is by then",
            _ => "and a gateway that has it never asks again",
        };
        let message = format!("{} has no tag: agents fetch `latest`, {then}", quoted(url.as_str()));
        findings.push(tell(subject, &UNTAGGED_IMAGE, message, fix));
    } else if url.ends_in_latest() && subject.spec().image_pull_policy != PullPolicy::IfNotPresent {
        let message = format!("{} is whatever was pushed last when a gateway asks", quoted(url.as_str()));
        findings.push(tell(subject, &LATEST_TAG, message, fix));
    }
}

fn check_web(subject: &Subject<'_>, address: &url::Url, findings: &mut Findings) {
    let path = address.path().to_ascii_lowercase();
    if [".tar", ".tgz", ".tar.gz"].iter().any(|end| path.ends_with(end)) {
        let message = "the agent takes the first entry of the archive, whatever its name";
        findings.push(tell(subject, &ARCHIVE_URL, message, "serve the `.wasm` file itself"));
    }
    if address.scheme() == "http" && subject.spec().sha256.is_empty() && !is_in_the_cluster(address) {
        let host = address.host_str().unwrap_or_default();
        let message = format!(
            "the module comes from {} over plain HTTP, and nothing says what it should be",
            quoted(host)
        );
        findings.push(tell(
            subject,
            &PLAIN_HTTP_URL,
            message,
            "write `https://`, or the module's digest in `sha256`",
        ));
    }
}

/// Whether the host is one that only a cluster's or a machine's own network has.
fn is_in_the_cluster(address: &url::Url) -> bool {
    match address.host() {
        None => true,
        Some(Host::Domain(name)) => {
            !name.contains('.')
                || [".svc", ".local", ".localhost", ".internal"].iter().any(|end| name.ends_with(end))
        }
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback() || address.is_unique_local(),
    }
}

fn check_file(subject: &Subject<'_>, path: &str, findings: &mut Findings) {
    let message =
        format!("{} has to be in the container of every proxy, and nothing checks what it is", quoted(path));
    findings.push(tell(
        subject,
        &FILE_URL,
        message,
        "mount the file into every gateway pod, or use an `oci://` URL",
    ));
    if !path.starts_with('/') {
        let message = format!("{} is relative to wherever Envoy was started", quoted(path));
        findings.push(tell(
            subject,
            &RELATIVE_FILE_URL,
            message,
            format!("write {}", quoted(&format!("file:///{path}"))),
        ));
    }
}
