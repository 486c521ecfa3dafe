//! What a registry and an image say of a plugin, as the `plugin` room wants to know it.

use anyhow::Context as _;

use crate::artifact::{Agent, Outcome, PluginSpec, Verdict, module_layer};
use crate::client::Access;
use crate::commands::fetched::FetchedImage;
use crate::commands::place::Place;
use crate::commands::session::Session;
use crate::oci::ManifestKind;
use crate::plugin::{Declaration, Declared, ImageFacts, ImageKind, Refusal};

/// Fetches the image at `place`, module and `spec.yaml` included, and looks at it.
pub(in crate::commands) async fn fetch(session: &Session<'_>, place: &Place) -> anyhow::Result<ImageFacts> {
    let fetched = async {
        let image = session.image(place, Access::Read).await?;
        let fetched = FetchedImage::fetch(session, &image).await?;
        let declaration = match fetched.fetch_spec(&image).await? {
            Some(Ok(spec)) => Some(declaration(&spec)),
            Some(Err(unreadable)) => Some(Declaration::unreadable(unreadable)),
            None => None,
        };
        anyhow::Ok((fetched, declaration))
    };
    let (fetched, declaration) = fetched.await.with_context(|| format!("cannot look at `{place}`"))?;
    let content = fetched.content()?;
    Ok(ImageFacts {
        digest: fetched.root.digest.clone(),
        kind: kind(&fetched),
        module_bytes: module_layer(&fetched.manifest).ok().map(|layer| layer.descriptor.size),
        refused_by: refusals(&fetched.verdicts(content.as_ref()), session.agents()),
        declaration,
    })
}

fn kind(fetched: &FetchedImage) -> ImageKind {
    match (&fetched.child, &fetched.manifest.kind) {
        (None, ManifestKind::Image { .. } | ManifestKind::Other) => ImageKind::Image,
        (child, _) => ImageKind::Index { child: child.as_ref().map(|child| child.digest.clone()) },
    }
}

/// Which of the agents that matter do not load an image.
fn refusals(verdicts: &[Verdict], agents: &[Agent]) -> Vec<Refusal> {
    let refusal = |verdict: &Verdict| match &verdict.outcome {
        Outcome::Refuses { reason } => {
            Some(Refusal { agent: verdict.agent.to_string(), reason: reason.clone() })
        }
        Outcome::Loads => None,
    };
    verdicts.iter().filter(|verdict| agents.contains(&verdict.agent)).filter_map(refusal).collect()
}

/// What `spec` says, understood as far as it can be.
pub(in crate::commands) fn declaration(spec: &PluginSpec) -> Declaration {
    Declaration::read(&Declared {
        name: spec.name.as_deref(),
        version: spec.version.as_deref(),
        phase: spec.phase.as_deref(),
        priority: spec.priority,
        config_schema: spec.config_schema.as_ref(),
        rule_config_schema: spec.route_config_schema.as_ref(),
    })
}
