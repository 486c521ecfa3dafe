//! What the module has to be.

use super::lint_rule::rules;
use super::quoted::quoted;
use super::subject::spec_path;
use super::{Findings, Subject};
use crate::oci::{Algorithm, Digest, ImageReference};
use crate::plugin::{FieldPath, ImageFacts, ImageKind, ModuleSource, ModuleUrl};

rules! {
    SHA256_MALFORMED: "sha256-malformed" Error {
        title: "A `sha256` that is none",
        why: "Istio's webhook refuses the resource. Higress passes the text on, and no module ever has that checksum, \
              so every fetch fails.",
        fix: "Write 64 lower-case hex digits, without `sha256:` before them.",
    },
    SHA256_MISMATCH: "sha256-mismatch" Error {
        title: "Two different digests",
        why: "The agent compares what it fetched with `sha256`, and fetches by the URL's digest; no image passes both.",
        fix: "Remove one of the two, or make them the same.",
    },
    DIGEST_ALGORITHM: "digest-algorithm" Error {
        title: "A digest other than sha256",
        why: "The agents' registry client knows `@sha256:` only; with another algorithm the reference cannot be read.",
        fix: "Pin the sha256 digest.",
    },
    DIGEST_AND_TAG: "digest-and-tag" Info {
        title: "A tag beside a digest",
        why: "The digest decides, and nothing compares it with the tag: raising the tag alone changes nothing.",
        fix: "Change both together, or leave the tag out.",
    },
    SHA256_OF_ARCHIVE: "sha256-of-archive" Info {
        title: "A `sha256` for an archive",
        why: "Over HTTP the agent unpacks gzip and tar first, and compares the digest of the module inside.",
        fix: "Write the digest of the `.wasm` file, not of the archive.",
    },
    INDEX_DIGEST: "index-digest" Error {
        title: "The digest of an index",
        why: "The agents take the linux/amd64 child of an index, whatever machine they run on, and compare that child's \
              digest: a pinned index is always a checksum mismatch.",
        fix: "Pin the linux/amd64 child, or push a single manifest.",
    },
    DIGEST_MOVED: "digest-moved" Error {
        title: "A `sha256` that the tag no longer has",
        why: "The tag was pushed again. Gateways that have the old module keep it; every other one fetches the manifest, \
              finds another digest and fails.",
        fix: "Write the digest that the tag stands for now, or a tag of its own for each version.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let sha256 = subject.spec().sha256.as_str();
    check_text(subject, sha256, findings);
    let Ok(url) = &subject.url else { return };
    if let Some(image) = url.image() {
        check_image(subject, image, findings);
    }
    if !sha256.is_empty() && is_archive(url) {
        findings.push(subject.finding(&SHA256_OF_ARCHIVE, spec_path("sha256")).told(
            format!(
                "{} is compared with the module in {}, not with the archive",
                quoted(sha256),
                quoted(url.as_str())
            ),
            "write the digest of the `.wasm` file in the archive",
        ));
    }
}

fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn check_text(subject: &Subject<'_>, sha256: &str, findings: &mut Findings) {
    if sha256.is_empty() || is_hex(sha256) {
        return;
    }
    let bare = sha256.trim().to_ascii_lowercase();
    let bare = bare.strip_prefix("sha256:").unwrap_or(&bare);
    let fix = if is_hex(bare) {
        format!("write `{bare}`")
    } else {
        "write the 64 hex digits of the manifest's digest (`oci`) or the module's (`http`)".to_owned()
    };
    let message = format!("{} is not 64 lower-case hex digits", quoted(sha256));
    findings.push(subject.finding(&SHA256_MALFORMED, spec_path("sha256")).told(message, fix));
}

fn check_image(subject: &Subject<'_>, image: &ImageReference, findings: &mut Findings) {
    if let Some(digest) = &image.digest {
        check_digest(subject, image, digest, findings);
    }
    if let Some(facts) = subject.image() {
        check_facts(subject, image, facts, findings);
    }
}

fn check_digest(subject: &Subject<'_>, image: &ImageReference, digest: &Digest, findings: &mut Findings) {
    let sha256 = subject.spec().sha256.as_str();
    if digest.algorithm() != Algorithm::Sha256 {
        findings.push(subject.finding(&DIGEST_ALGORITHM, spec_path("url")).told(
            format!("agents cannot fetch by a `{}` digest", digest.algorithm().name()),
            "write `@sha256:` and the sha256 digest of the same manifest",
        ));
    } else if is_hex(sha256) && digest.hex() != sha256 {
        findings.push(subject.finding(&SHA256_MISMATCH, spec_path("sha256")).told(
            format!("`{sha256}` is not the URL's digest `{}`", digest.hex()),
            "remove `sha256`: the digest in the URL says it all",
        ));
    }
    if let Some(tag) = &image.tag {
        findings.push(subject.finding(&DIGEST_AND_TAG, spec_path("url")).told(
            format!("the tag `{tag}` is not looked at, because the URL has a digest"),
            format!(
                "change tag and digest together, or write {}",
                quoted(&format!("oci://{}", image.pinned(digest.clone())))
            ),
        ));
    }
}

/// Holds the digests of the resource against the registry's.
fn check_facts(subject: &Subject<'_>, image: &ImageReference, facts: &ImageFacts, findings: &mut Findings) {
    let by_url = image.digest.as_ref().map(|digest| (spec_path("url"), digest.hex()));
    let by_field = Some((spec_path("sha256"), subject.spec().sha256.as_str())).filter(|(_, hex)| is_hex(hex));
    for (path, hex) in by_url.into_iter().chain(by_field) {
        let found = match (&facts.kind, facts.manifest_digest()) {
            (ImageKind::Index { child }, _) if facts.digest.hex() == hex => {
                let fix = match child {
                    Some(child) => format!("pin the linux/amd64 child: `{}`", pin(&path, child)),
                    None => "push a single manifest: the index has no child for linux/amd64".to_owned(),
                };
                (&INDEX_DIGEST, format!("`{hex}` is the digest of an index, which agents never compare"), fix)
            }
            // A digest in the URL is what was looked at; only `sha256` beside a tag can differ from it.
            (_, Some(now)) if image.digest.is_none() && now.hex() != hex => (
                &DIGEST_MOVED,
                format!("`{hex}` is not what the tag stands for now, `{}`", now.hex()),
                format!("write `{}`, if that is the module that you want", now.hex()),
            ),
            _ => continue,
        };
        let (rule, message, fix) = found;
        findings.push(subject.finding(rule, path).told(message, fix));
    }
}

/// The digest as the field has it.
fn pin(path: &FieldPath, digest: &Digest) -> String {
    if *path == spec_path("sha256") { digest.hex().to_owned() } else { format!("@{digest}") }
}

fn is_archive(url: &ModuleUrl) -> bool {
    match url.source() {
        ModuleSource::Http(address) => {
            let path = address.path().to_ascii_lowercase();
            [".gz", ".tgz", ".tar"].iter().any(|end| path.ends_with(end))
        }
        _ => false,
    }
}
