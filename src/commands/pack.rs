use indicatif::HumanBytes;
use serde::Serialize;

use crate::artifact::Verdict;
use crate::client::{Access, Location, put_image};
use crate::oci::Digest;

use super::context::Context;
use super::exit::{Exit, Failure};
use super::module_facts::finding_lines;
use super::output::{Paint, Report};
use super::packing::{Packed, PackingArgs};
use super::push::with_version;
use super::session::{Session, SessionArgs, with_session};
use super::verdicts::verdict_section;

/// Pack a plugin into an OCI layout directory or a bundle
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The same plugin gives the same digest on any machine and any day. An existing layout or bundle is
added to.

Examples:
  # An OCI layout directory, which skopeo, oras and crane read too
  hwasm-registry pack ./key-auth ./out:1.0.0

  # One file
  hwasm-registry pack ./plugin.wasm key-auth.tar:1.0.0")]
pub(super) struct Args {
    #[command(flatten)]
    packing: PackingArgs,
    /// Where it goes: ./dir[:tag], oci:dir[:tag] or file.tar[:tag]; without a tag the plugin's version
    #[arg(value_name = "DST")]
    destination: String,
}

/// What was packed.
#[derive(Debug, Serialize)]
struct PackReport {
    /// Where it is now.
    place: String,
    /// Its manifest's digest.
    digest: Digest,
    /// Bytes of manifest, configuration and layers.
    size_bytes: u64,
    /// Why gateways would not run the module, one sentence each.
    problems: Vec<String>,
    /// What only some gateways do with it, one sentence each.
    warnings: Vec<String>,
    /// Which agents load the image.
    verdicts: Vec<Verdict>,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let packed = self.packing.pack()?;
        let report =
            with_session(context, &SessionArgs::default(), async |session| self.pack(session, &packed).await)
                .await?;
        context.output.report(&report)
    }

    async fn pack(&self, session: &Session<'_>, packed: &Packed) -> anyhow::Result<PackReport> {
        let place = with_version(session.place(&self.destination)?, packed, &session.context.output)?;
        if let Location::Registry(_) = place.clone().into_location() {
            let failure =
                Failure::new(Exit::Usage, format!("`{}` is no directory or file", self.destination));
            return Err(failure
                .advise("write `./dir` or `file.tar`; `hwasm-registry push` fills registries")
                .into());
        }
        let image = session.image(&place, Access::Write).await?;
        let receipt =
            put_image(&*image.target, &packed.to_put(image.reference, &[]), &session.copy_options()).await?;
        Ok(PackReport {
            place: place.to_string(),
            digest: receipt.digest,
            size_bytes: packed.size_bytes(),
            problems: packed.plugin.info().problems(),
            warnings: packed.plugin.info().warnings(),
            verdicts: packed.verdicts.clone(),
        })
    }
}

impl Report for PackReport {
    fn text(&self, paint: Paint) -> String {
        let mut parts = vec![
            format!("packed {}, {}", paint.strong(&self.place), HumanBytes(self.size_bytes)),
            format!("  digest {}", self.digest),
        ];
        let findings = finding_lines(paint, &self.problems, &self.warnings);
        parts.extend(Some(findings).filter(|findings| !findings.is_empty()));
        parts.push(format!("\n{}", verdict_section(paint, &self.verdicts, &self.problems)));
        parts.join("\n")
    }
}
