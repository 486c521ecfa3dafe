use indicatif::HumanBytes;
use serde::Serialize;

use crate::artifact::Verdict;
use crate::client::{self, Access, ErrorKind, Expected, Location, PutManifest, Target, put_image};
use crate::oci::{Digest, ImageReference, Reference, Tag};
use crate::plugin::{
    EffectivePolicy, ImageFacts, ImageKind, InitialConfig, ModuleUrl, NewWasmPlugin, PullPolicy, to_yaml,
};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::module_facts::finding_lines;
use super::move_consent::MoveConsent;
use super::output::{Output, Paint, Report};
use super::packing::{Packed, PackingArgs};
use super::place::Place;
use super::session::{Session, SessionArgs, with_session};
use super::tagged::next_version;
use super::verdicts::{refused_by_a_gateway, verdict_section};
use super::wasmplugin::image_facts;

/// Where plugins go when nobody says otherwise: Higress looks for them there too.
const DEFAULT_NAMESPACE: &str = "plugins";

/// Pack a plugin and bring it into a registry
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without REF the image goes to plugins/<name>:<version> in the local registry. Name and version come
from spec.yaml, else from the file or its directory; without any, the version is `latest`.

Examples:
  # Into the local registry, whether or not a server runs
  hwasm-registry push ./plugin.wasm

  # A directory with spec.yaml and README.md, somewhere else, under two tags
  hwasm-registry push ./key-auth registry.example.com/plugins/key-auth:1.0.0 --tag 1.0

  # Move a tag that gateways follow, in a script
  hwasm-registry push ./key-auth plugins/key-auth:latest --yes

  # Only if nobody has moved the tag since it was looked at
  hwasm-registry push ./key-auth plugins/key-auth:latest --if-unchanged sha256:9c2f…

  # The WasmPlugin resource alone, for kubectl
  hwasm-registry push ./key-auth --format json | jq -r .wasm_plugin")]
pub(super) struct Args {
    #[command(flatten)]
    packing: PackingArgs,
    /// Where it goes: [host/]repository[:tag]; without a tag the plugin's version
    #[arg(value_name = "REF")]
    reference: Option<String>,
    /// One more tag for the same image; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<Tag>,
    /// Move tags that gateways follow without being asked
    #[arg(long, short)]
    yes: bool,
    /// Push only if the tag names this digest now, so that nobody's push in between is lost; no other consent is needed
    #[arg(long, value_name = "DIGEST", conflicts_with = "if_absent")]
    if_unchanged: Option<Digest>,
    /// Push only if the tag does not exist
    #[arg(long)]
    if_absent: bool,
    #[command(flatten)]
    session: SessionArgs,
}

/// What was pushed.
#[derive(Debug, Serialize)]
struct Pushed {
    /// Where it is now, by tag.
    reference: String,
    /// More tags it was given.
    tags: Vec<Tag>,
    /// Its manifest's digest.
    digest: Digest,
    /// The URL by tag, as a WasmPlugin's `url`.
    url: String,
    /// The URL by digest, which never means anything else.
    pinned_url: String,
    /// Bytes of manifest, configuration and layers.
    size_bytes: u64,
    /// Why gateways would not run the module, one sentence each.
    problems: Vec<String>,
    /// What only some gateways do with it, one sentence each.
    warnings: Vec<String>,
    /// Which agents load the image.
    verdicts: Vec<Verdict>,
    /// What agents do with `url` when no pull policy is named.
    pull_policy: EffectivePolicy,
    /// A WasmPlugin resource in YAML.
    wasm_plugin: String,
    /// Whether only this machine reaches the registry under that name.
    #[serde(skip)]
    is_loopback: bool,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let packed = self.packing.pack()?;
        let pushed =
            with_session(context, &self.session, async |session| self.push(session, &packed).await).await?;
        context.output.report(&pushed)
    }

    async fn push(&self, session: &Session<'_>, packed: &Packed) -> anyhow::Result<Pushed> {
        let place = self.destination(session, packed)?;
        let (image, tag) = named_image(&place)?;
        // Before anything moves: what cannot be written down afterwards is refused now.
        let pushed = Pushed::new(&image, &self.tags, packed)?;
        self.consent(session, &place, (&tag, &pushed.digest)).await?;
        let target = session.image(&place, Access::Write).await?.target;
        let mut new = packed.to_put(Reference::Tag(tag), &self.tags);
        new.manifest.expected = self.expected();
        let put = async {
            check_expected(&*target, &new.manifest).await?;
            put_image(&*target, &new, &session.copy_options()).await
        };
        let receipt = match put.await {
            Ok(receipt) => receipt,
            Err(error) => {
                let suggestion = self.suggestion(&*target, &image, &error).await;
                let error = explain(error, packed, suggestion);
                return Err(error.context(format!("cannot push to `{image}`")));
            }
        };
        for warning in &receipt.warnings {
            session.context.output.warn(format_args!("the registry says: {warning}"));
        }
        Ok(pushed)
    }

    /// Asks before tags are moved that gateways follow.
    async fn consent(
        &self,
        session: &Session<'_>,
        place: &Place,
        (tag, digest): (&Tag, &Digest),
    ) -> anyhow::Result<()> {
        let remote = session.remote(place).await?;
        let tags: Vec<Tag> = std::iter::once(tag).chain(&self.tags).cloned().collect();
        let consent =
            MoveConsent { output: &session.context.output, given: self.yes || self.if_unchanged.is_some() };
        consent.obtain(remote.registry(), (remote.repository(), &tags), digest).await
    }

    /// What to do where a version is taken for good: a refusal, and not for what was expected of it.
    async fn suggestion(
        &self,
        target: &dyn Target,
        image: &ImageReference,
        error: &client::Error,
    ) -> Option<String> {
        let taken = error.status() == Some(409) || self.expected() == Expected::Anything;
        let tag = image.tag.as_ref().filter(|_| taken && error.kind() == ErrorKind::Conflict)?;
        let next = next_version(target, tag).await?;
        let (registry, repository) = (&image.registry, &image.repository);
        Some(format!("push it as the next free version, `{registry}/{repository}:{next}`"))
    }

    /// What the tag has to name.
    fn expected(&self) -> Expected {
        match &self.if_unchanged {
            Some(digest) => Expected::Digest(digest.clone()),
            None if self.if_absent => Expected::Absent,
            None => Expected::Anything,
        }
    }

    /// The place asked for, or the plugin's own in the local registry; says what was chosen, and why.
    fn destination(&self, session: &Session<'_>, packed: &Packed) -> anyhow::Result<Place> {
        let output = &session.context.output;
        let Some(text) = &self.reference else {
            let (name, version) = (packed.plugin.name(), packed.plugin.version());
            output.note(format_args!("name {name}, version {version}"));
            let own = format!("{DEFAULT_NAMESPACE}/{}:{}", name.value, version.value);
            return session.place(&own);
        };
        with_version(session.place(text)?, packed, output)
    }
}

/// Looks at the tag before anything moves: the content is spared where the push will be refused, and a registry that
/// knows no conditions refuses nothing itself.
async fn check_expected(target: &dyn Target, put: &PutManifest) -> Result<(), client::Error> {
    let Reference::Tag(tag) = &put.reference else { return Ok(()) };
    if put.expected == Expected::Anything {
        return Ok(());
    }
    let current = match target.resolve(&put.reference).await {
        Ok(found) => Some(found.digest),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if put.expected.allows(current.as_ref(), &put.digest()) {
        return Ok(());
    }
    Err(client::Error::TagChanged { tag: tag.clone(), current })
}

/// `place`, with the plugin's version where it has no tag.
pub(super) fn with_version(place: Place, packed: &Packed, output: &Output) -> anyhow::Result<Place> {
    match place.reference() {
        Some(Reference::Tag(_)) => Ok(place),
        Some(Reference::Digest(_)) => {
            let message = format!("`{place}` names a digest; an image that is being made is put under a tag");
            Err(Failure::new(Exit::Usage, message)
                .advise("name a tag, or none for the plugin's version")
                .into())
        }
        None => {
            let version = packed.plugin.version();
            output.note(format_args!("version {version}"));
            Ok(place.with_reference(&Reference::Tag(version.value.clone())))
        }
    }
}

/// The image reference and tag of `place`, which has to be in a registry.
fn named_image(place: &Place) -> anyhow::Result<(ImageReference, Tag)> {
    match place.clone().into_location() {
        Location::Registry(image) => {
            let tag = image.tag.clone().unwrap_or_else(Tag::latest);
            Ok((image, tag))
        }
        Location::Layout(_) | Location::Bundle(_) => {
            let failure = Failure::new(Exit::Usage, format!("`{place}` is not in a registry"));
            Err(failure.advise("`hwasm-registry pack` makes layouts and bundles").into())
        }
    }
}

/// A refusal of a plugin that gateways cannot load has an exit code of its own; one of a version, advice.
fn explain(error: client::Error, packed: &Packed, suggestion: Option<String>) -> anyhow::Error {
    if let Some(suggestion) = suggestion {
        let failure =
            Failure::new(Exit::Conflict, "this version is taken, and the registry does not move it");
        return anyhow::Error::new(error).context(failure.advise(suggestion));
    }
    let unloadable = refused_by_a_gateway(&packed.verdicts) || !packed.plugin.info().problems().is_empty();
    let refused = error.kind() == ErrorKind::Refused && error.status() == Some(400);
    if unloadable && refused {
        let failure =
            Failure::new(Exit::Unloadable, "the registry refuses plugins that gateways cannot load");
        return anyhow::Error::new(error)
            .context(failure.advise("`hwasm-registry inspect` says what is wrong with it"));
    }
    error.into()
}

impl Pushed {
    fn new(image: &ImageReference, tags: &[Tag], packed: &Packed) -> anyhow::Result<Self> {
        let digest = &packed.image.descriptor.digest;
        let url: ModuleUrl = format!("oci://{image}").parse()?;
        Ok(Self {
            reference: image.to_string(),
            tags: tags.to_vec(),
            pull_policy: PullPolicy::Unspecified.effective(&url, ""),
            url: url.as_str().to_owned(),
            pinned_url: format!("oci://{}", image.pinned(digest.clone())),
            size_bytes: packed.size_bytes(),
            problems: packed.plugin.info().problems(),
            warnings: packed.plugin.info().warnings(),
            verdicts: packed.verdicts.clone(),
            wasm_plugin: wasm_plugin(image, packed)?,
            digest: digest.clone(),
            is_loopback: image.registry.is_loopback(),
        })
    }
}

/// A `WasmPlugin` that runs the image; its configuration is still to be written.
fn wasm_plugin(image: &ImageReference, packed: &Packed) -> anyhow::Result<String> {
    let facts = ImageFacts {
        digest: packed.image.descriptor.digest.clone(),
        kind: ImageKind::Image,
        module_bytes: None,
        // The report has the verdicts already.
        refused_by: Vec::new(),
        declaration: Some(image_facts::declaration(packed.plugin.spec())),
    };
    let new = NewWasmPlugin { config: InitialConfig::Absent, ..NewWasmPlugin::default() };
    Ok(to_yaml(&new.build(image, &facts)?)?.trim_end().to_owned())
}

impl Report for Pushed {
    fn text(&self, paint: Paint) -> String {
        let mut parts = vec![
            format!("pushed {}, {}", paint.strong(&self.reference), HumanBytes(self.size_bytes)),
            format!("  digest {}\n  pinned {}", self.digest, self.pinned_url),
        ];
        let findings = finding_lines(paint, &self.problems, &self.warnings);
        parts.extend(Some(findings).filter(|findings| !findings.is_empty()));
        parts.push(format!("\n{}", verdict_section(paint, &self.verdicts, &self.problems)));
        parts.push(format!("\n{}\n{}", paint.strong("WasmPlugin"), self.wasm_plugin));
        parts.push(format!("\nPull policy {}.", self.pull_policy));
        if self.is_loopback {
            parts.push(
                "The host is this machine's own: in `url`, write the one that gateways reach it by."
                    .to_owned(),
            );
        }
        parts.join("\n")
    }
}
