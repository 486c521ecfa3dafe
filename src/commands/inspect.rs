use std::path::Path;

use anyhow::Context as _;
use indicatif::HumanBytes;
use serde::Serialize;

use crate::artifact::{Encoding, Layout, ModuleInfo, PluginSpec, Verdict, inspect, module_layer};
use crate::client::Access;
use crate::oci::{Descriptor, Digest, ManifestKind, MediaType};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::fetched::FetchedImage;
use super::module_facts::{finding_lines, module_lines, spec_lines};
use super::output::{Paint, Report, printable};
use super::packing::Packed;
use super::session::{Session, SessionArgs, with_session};
use super::verdicts::{refused_by_a_gateway, verdict_section};

/// Show what is inside a module or an image, and which agents can load it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An existing file or directory is looked at as `push` would pack it, unless it is an OCI layout or
a `.tar` bundle, which are looked at as images.

Examples:
  hwasm-registry inspect ./plugin.wasm
  hwasm-registry inspect plugins/key-auth:1.0.0

  # Fail a build whose plugin no gateway could load
  hwasm-registry inspect --strict ./plugin.wasm")]
pub(super) struct Args {
    /// A module, a plugin's directory, or an image: [host/]repository[:tag][@digest], an OCI layout or bundle
    #[arg(value_name = "FILE|DIR|REF")]
    subject: String,
    /// End with exit code 6 if a gateway cannot load it
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    session: SessionArgs,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Inspection {
    /// What was looked at, as named.
    subject: String,
    /// The image; none for a file or directory, which is none yet.
    image: Option<ImageShape>,
    /// The module; none where the image holds none or a broken one.
    module: Option<ModuleInfo>,
    /// What `spec.yaml` says of the plugin; none where it says nothing.
    spec: Option<PluginSpec>,
    /// Why gateways would not run the module, one sentence each.
    problems: Vec<String>,
    /// What only some gateways do with it, one sentence each.
    warnings: Vec<String>,
    /// Which agents load the image; for a file, the image that `push` would make of it.
    verdicts: Vec<Verdict>,
}

/// How an image is laid out.
#[derive(Debug, Serialize)]
struct ImageShape {
    /// Digest of what the reference stands for.
    digest: Digest,
    /// Its media type.
    media_type: MediaType,
    /// The child that agents take, where it is an index.
    child: Option<Digest>,
    /// Media type of the image's configuration.
    config: Option<MediaType>,
    /// The layers, in order.
    layers: Vec<LayerShape>,
    /// The manifest's annotations.
    annotations: std::collections::BTreeMap<String, String>,
}

/// One layer.
#[derive(Debug, Serialize)]
struct LayerShape {
    /// Its media type.
    media_type: MediaType,
    /// Its digest.
    digest: Digest,
    /// Its length as stored.
    size_bytes: u64,
    /// How it carries the module, if it is the layer that does.
    module: Option<Encoding>,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let path = Path::new(&self.subject);
        if !path.exists() && names_module(&self.subject) {
            return Err(missing(&self.subject).into());
        }
        let is_plugin =
            path.is_file() && !is_bundle(path) || path.is_dir() && !path.join("oci-layout").exists();
        let inspection = if is_plugin {
            of_plugin(&self.subject, path)?
        } else {
            with_session(context, &self.session, async |session| self.of_image(session).await).await?
        };
        context.output.report(&inspection)?;
        if self.strict && inspection.is_unloadable() {
            let message = format!("`{}` does not load in every gateway", self.subject);
            return Err(Failure::new(Exit::Unloadable, message).into());
        }
        Ok(())
    }

    async fn of_image(&self, session: &Session<'_>) -> anyhow::Result<Inspection> {
        let place = session.place(&self.subject)?;
        let fetched = async {
            let image = session.image(&place, Access::Read).await?;
            let fetched = FetchedImage::fetch(session, &image).await?;
            let spec = fetched.fetch_spec(&image).await?;
            anyhow::Ok((fetched, spec))
        };
        let (image, spec) = fetched.await.with_context(|| format!("cannot inspect `{place}`"))?;
        let spec = spec.and_then(|spec| {
            spec.map_err(|fault| session.context.output.warn(format_args!("spec.yaml: {fault}"))).ok()
        });
        let content = image.content()?;
        let verdicts = image.verdicts(content.as_ref());
        let found = module_of(&image);
        let shape = ImageShape::of(image);
        Ok(Inspection { spec, ..Inspection::new(place.to_string(), Some(shape), found, verdicts) })
    }
}

fn is_bundle(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
}

/// Whether `subject` can only mean a module's file: nobody calls a repository so.
fn names_module(subject: &str) -> bool {
    let extension = Path::new(subject).extension();
    !subject.contains(':')
        && extension
            .is_some_and(|found| ["wasm", "wat"].iter().any(|known| found.eq_ignore_ascii_case(known)))
}

fn missing(subject: &str) -> Failure {
    Failure::new(Exit::NotFound, format!("there is no file `{subject}`"))
        .advise("an image of that name is written with its tag, such as `plugins/a:1.0.0`")
}

/// A file or directory as `push` would pack it.
fn of_plugin(subject: &str, path: &Path) -> anyhow::Result<Inspection> {
    let packed = Packed::of(path, Layout::default())?;
    let spec = Some(packed.plugin.spec().clone()).filter(|spec| *spec != PluginSpec::default());
    let module = Ok(packed.plugin.info().clone());
    Ok(Inspection { spec, ..Inspection::new(subject.to_owned(), None, module, packed.verdicts) })
}

/// The image's module, or why there is none to look at.
fn module_of(image: &FetchedImage) -> Result<ModuleInfo, String> {
    let mut module = Vec::new();
    image.extract(&mut module).map_err(|error| format!("{error:#}"))?;
    inspect(&module).map_err(|error| error.to_string())
}

impl Inspection {
    fn new(
        subject: String,
        image: Option<ImageShape>,
        module: Result<ModuleInfo, String>,
        verdicts: Vec<Verdict>,
    ) -> Self {
        let (module, problems) = match module {
            Ok(module) => {
                let problems = module.problems();
                (Some(module), problems)
            }
            Err(reason) => (None, vec![reason]),
        };
        let warnings = module.as_ref().map(ModuleInfo::warnings).unwrap_or_default();
        Self { subject, image, module, spec: None, problems, warnings, verdicts }
    }

    fn is_unloadable(&self) -> bool {
        !self.problems.is_empty() || refused_by_a_gateway(&self.verdicts)
    }
}

impl ImageShape {
    fn of(image: FetchedImage) -> Self {
        let holder = module_layer(&image.manifest).ok().map(|layer| (layer.index, layer.encoding));
        let layer = |(index, layer): (usize, &Descriptor)| LayerShape {
            media_type: layer.media_type.clone(),
            digest: layer.digest.clone(),
            size_bytes: layer.size,
            module: holder.filter(|(holder, _)| *holder == index).map(|(_, encoding)| encoding),
        };
        let config = match &image.manifest.kind {
            ManifestKind::Image { config, .. } => Some(config.media_type.clone()),
            ManifestKind::Index { .. } | ManifestKind::Other => None,
        };
        Self {
            digest: image.root.digest,
            media_type: image.root.media_type,
            child: image.child.map(|child| child.digest),
            config,
            layers: image.manifest.layers().iter().enumerate().map(layer).collect(),
            annotations: image.manifest.annotations,
        }
    }

    fn lines(&self, paint: Paint) -> String {
        let mut lines = vec![format!("  {}  {}", paint.strong(&self.digest.to_string()), self.media_type)];
        lines.extend(self.child.iter().map(|child| format!("  linux/amd64 child {child}")));
        lines.extend(self.config.iter().map(|config| format!("  config {config}")));
        lines.extend(self.layers.iter().map(|layer| {
            let size = HumanBytes(layer.size_bytes);
            let module = layer.module.map(|encoding| format!("  <- module, {encoding}")).unwrap_or_default();
            format!("  layer  {} {size}{module}", layer.media_type)
        }));
        let annotations = self.annotations.iter();
        lines.extend(annotations.map(|(key, value)| format!("  {} = {}", printable(key), printable(value))));
        lines.join("\n")
    }
}

impl Report for Inspection {
    fn text(&self, paint: Paint) -> String {
        let mut parts = Vec::new();
        if let Some(image) = &self.image {
            parts.push(format!("{}\n{}", paint.strong("Image"), image.lines(paint)));
        }
        if let Some(module) = &self.module {
            parts.push(format!("{}\n{}", paint.strong("Module"), module_lines(paint, module)));
        }
        if let Some(spec) = &self.spec {
            parts.push(format!("{}\n{}", paint.strong("Plugin"), spec_lines(spec)));
        }
        let findings = finding_lines(paint, &self.problems, &self.warnings);
        if !findings.is_empty() {
            parts.push(findings);
        }
        parts.push(verdict_section(paint, &self.verdicts, &self.problems));
        parts.join("\n")
    }
}
