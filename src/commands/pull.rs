use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::HumanBytes;
use serde::Serialize;

use crate::artifact::ExtractedModule;
use crate::client::Access;
use crate::oci::Digest;

use super::context::Context;
use super::fetched::FetchedImage;
use super::output::{Paint, Report};
use super::pull_by_policy::PolicyArgs;
use super::session::{Session, SessionArgs, with_session};

/// What a module is called when nobody says otherwise.
const DEFAULT_NAME: &str = "plugin.wasm";

/// Write the module of an image to a file
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hwasm-registry pull plugins/key-auth:1.0.0
  hwasm-registry pull registry.example.com/plugins/key-auth@sha256:9c2f… -o key-auth.wasm
  hwasm-registry pull stick.tar:1.0.0 -o - | wasm-tools print

  # As a gateway's agent would, and why: into the agent's cache, by the rules of the pull policy
  hwasm-registry pull oci://registry.example.com/plugins/key-auth:1.0.0 --policy Always")]
pub(super) struct Args {
    /// The image: [host/]repository[:tag][@digest], or an OCI layout or bundle; with `--policy` a WasmPlugin's `url`
    #[arg(value_name = "REF")]
    reference: String,
    /// Where to write the module: a file, a directory, or `-` for standard output
    #[arg(long, short, value_name = "FILE", default_value = DEFAULT_NAME)]
    output: PathBuf,
    #[command(flatten)]
    by_policy: PolicyArgs,
    #[command(flatten)]
    session: SessionArgs,
}

/// What was pulled.
#[derive(Debug, Serialize)]
struct Pulled {
    /// The image, as named.
    image: String,
    /// Its manifest's digest.
    digest: Digest,
    /// Where the module is now.
    file: PathBuf,
    /// The module's length.
    size_bytes: u64,
    /// The module's own digest.
    module: Digest,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        if let Some(policy) = self.by_policy.policy {
            return self.by_policy.run(context, (&self.reference, policy), &self.session).await;
        }
        if self.output == Path::new("-") {
            return with_session(context, &self.session, async |session| self.print(session).await).await;
        }
        let pulled = with_session(context, &self.session, async |session| self.pull(session).await).await?;
        context.output.report(&pulled)
    }

    async fn print(&self, session: &Session<'_>) -> anyhow::Result<()> {
        let (_, image) = self.fetch(session).await?;
        let mut module = Vec::new();
        image.extract(&mut module)?;
        session.context.output.raw(&module)
    }

    async fn pull(&self, session: &Session<'_>) -> anyhow::Result<Pulled> {
        let file = if self.output.is_dir() { self.output.join(DEFAULT_NAME) } else { self.output.clone() };
        let (name, image) = self.fetch(session).await?;
        let written = write(&file, &image).with_context(|| format!("cannot pull `{name}`"))?;
        let ExtractedModule { size_bytes, digest: module } = written;
        Ok(Pulled { image: name, digest: image.root.digest, file, size_bytes, module })
    }

    async fn fetch(&self, session: &Session<'_>) -> anyhow::Result<(String, FetchedImage)> {
        let place = session.place(&self.reference)?;
        let fetched = async {
            let image = session.image(&place, Access::Read).await?;
            FetchedImage::fetch(session, &image).await
        };
        let fetched = fetched.await.with_context(|| format!("cannot pull `{place}`"))?;
        Ok((place.to_string(), fetched))
    }
}

/// Writes the module to `file`: to a device or pipe as it comes, to anything else as a whole.
fn write(file: &Path, image: &FetchedImage) -> anyhow::Result<ExtractedModule> {
    let cannot = || format!("cannot write `{}`", file.display());
    // A link stays, and what it leads to is replaced.
    let file = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    if file.exists() && !file.is_file() {
        let opened = OpenOptions::new().write(true).open(&file).with_context(cannot)?;
        return write_through(opened, image);
    }
    // Beside `file` first: who watches it never meets half a module.
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let ordinary = Permissions::from_mode(0o666);
    let partial =
        tempfile::Builder::new().permissions(ordinary).tempfile_in(directory).with_context(cannot)?;
    let written = write_through(partial.as_file(), image)?;
    partial.persist(&file).with_context(cannot)?;
    Ok(written)
}

fn write_through(file: impl io::Write, image: &FetchedImage) -> anyhow::Result<ExtractedModule> {
    let mut writer = io::BufWriter::new(file);
    let written = image.extract(&mut writer)?;
    writer.flush()?;
    Ok(written)
}

impl Report for Pulled {
    fn text(&self, paint: Paint) -> String {
        let Self { image, digest, file, size_bytes, module } = self;
        let file = paint.strong(&file.display().to_string());
        format!("{image} -> {file}\n  {}\n  module {module}\n  image  {digest}", HumanBytes(*size_bytes))
    }
}
