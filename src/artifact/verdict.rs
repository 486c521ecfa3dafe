//! Which agents load an image, by their own rules, whoever packed it.
//!
//! Sources: `imagefetcher.go` of Istio 1.12 to 1.31 and of Envoy Gateway, the agent of Higress 2, go-containerregistry,
//! and the `oci-wasm` crate that wkg pulls with.

use serde::Serialize;

use super::{Agent, Encoding, EntryKind, FoundModule, LayerContent, Limits, ModuleForm, Scan, module_layer};
use crate::oci::{Descriptor, Manifest, ManifestKind, media_type};

/// What becomes of an image in one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Who pulls it.
    pub agent: Agent,
    /// Whether the module ends up running.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What to mind although it loads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whether the module ends up running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// It does.
    Loads,
    /// It does not.
    Refuses {
        /// Why not, and what to do, in one sentence.
        reason: String,
    },
}

impl Verdict {
    /// Whether the agent loads it.
    pub fn loads(&self) -> bool {
        self.outcome == Outcome::Loads
    }
}

/// What each agent makes of a manifest, in the order of [`Agent::ALL`].
///
/// `content` is what [`super::examine`] found in the manifest's [`module_layer`]; without it the verdict goes by the
/// manifest alone. For an index use [`verdicts_through_index`]: by itself it is refused.
pub fn verdicts(manifest: &Manifest, content: Option<&LayerContent>) -> Vec<Verdict> {
    let image = Image { manifest, content };
    Agent::ALL.into_iter().map(|agent| Verdict { agent, outcome: image.outcome(agent), note: None }).collect()
}

/// What each agent makes of an index, given its [`super::linux_amd64_child`].
///
/// runwasi may pick a child for its own platform instead; the verdict is about the child given.
pub fn verdicts_through_index(child: Option<(&Manifest, Option<&LayerContent>)>) -> Vec<Verdict> {
    let Some((manifest, content)) = child else {
        let reason = "the index has no child for linux/amd64: push a single manifest".to_owned();
        let outcome = Outcome::Refuses { reason };
        return Agent::ALL.map(|agent| Verdict { agent, outcome: outcome.clone(), note: None }).into();
    };
    let mut verdicts = verdicts(manifest, content);
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.agent.is_gateway()) {
        let note =
            "the digest of an index cannot be pinned: agents compare the digest of its linux/amd64 child";
        verdict.note = Some(note.to_owned());
    }
    verdicts
}

/// The reason of a refusal.
type Check = Result<(), String>;

struct Image<'a> {
    manifest: &'a Manifest,
    content: Option<&'a LayerContent>,
}

impl Image<'_> {
    fn outcome(&self, agent: Agent) -> Outcome {
        let check = match &self.manifest.kind {
            ManifestKind::Index { .. } => Err("it is an index, and its linux/amd64 child decides".to_owned()),
            ManifestKind::Other => {
                Err(format!("`{}` is no image manifest: push with layout `compat`", self.manifest.media_type))
            }
            ManifestKind::Image { layers, .. } if layers.is_empty() => {
                Err("the image has no layers: push with layout `compat`".to_owned())
            }
            ManifestKind::Image { config, .. } if agent == Agent::WkgRunwasi => self.check_wkg(config),
            ManifestKind::Image { .. } => self.check_gateway(agent),
        };
        check.map_or_else(|reason| Outcome::Refuses { reason }, |()| Outcome::Loads)
    }

    /// Docker's path where the body says so, and else the compat path, then the artifact path.
    fn check_gateway(&self, agent: Agent) -> Check {
        if self.manifest.body_media_type.as_deref() == Some(media_type::DOCKER_MANIFEST) {
            return self.check_tar(agent, media_type::DOCKER_LAYER_GZIP);
        }
        let compat = self.check_tar(agent, media_type::OCI_LAYER_TAR_GZIP);
        let artifact = compat.as_ref().err().map(|_| self.check_artifact(agent));
        match artifact {
            None | Some(Ok(())) => Ok(()),
            Some(Err(reason)) if self.has_raw_layer() => Err(reason),
            Some(Err(_)) => compat,
        }
    }

    fn check_tar(&self, agent: Agent, expected: &str) -> Check {
        let layers = self.manifest.layers();
        let Some(last) = layers.last() else { return Err("the image has no layers".to_owned()) };
        if last.media_type != expected {
            return Err(wrong_last_layer(last, layers, expected));
        }
        if agent == Agent::IstioUpTo1_15 && layers.len() != 1 {
            return Err(format!(
                "it has {} layers; Istio takes exactly one until 1.15: leave out the others",
                layers.len()
            ));
        }
        match self.content_of(layers.len() - 1) {
            Some(content) => check_tar_content(content),
            None => Ok(()),
        }
    }

    fn check_artifact(&self, agent: Agent) -> Check {
        let layers = self.manifest.layers();
        let raw = layers.iter().position(|layer| layer.media_type == media_type::WASM_CONTENT_LAYER);
        let Some(index) = raw else {
            let named = layers.iter().find(|layer| is_raw(layer)).unwrap_or(&layers[0]);
            return Err(format!(
                "layers of type `{}` are not for gateways: push with layout `compat`",
                named.media_type
            ));
        };
        if layers.len() != 2 {
            let count = match layers.len() {
                1 => "1 layer".to_owned(),
                count => format!("{count} layers"),
            };
            return Err(format!(
                "it has {count} with a raw module; agents take exactly two: push with layout `compat`"
            ));
        }
        check_raw_size(agent, layers[index].size)?;
        match self.content_of(index) {
            Some(LayerContent { module: Some(module), .. }) => {
                check_module(module, &layers[index].media_type.to_string())
            }
            _ => Ok(()),
        }
    }

    /// wkg and runwasi: one `application/wasm` layer under CNCF's configuration type; components are welcome.
    fn check_wkg(&self, config: &Descriptor) -> Check {
        let layers = self.manifest.layers();
        if layers.len() != 1 || layers[0].media_type != media_type::WASM {
            return Err(
                "it takes exactly one layer, of type `application/wasm`: push with layout `wasm`".to_owned()
            );
        }
        if config.media_type != media_type::WASM_CONFIG_V0 {
            return Err(format!(
                "the configuration is `{}`; it takes `{}`: push with layout `wasm`",
                config.media_type,
                media_type::WASM_CONFIG_V0
            ));
        }
        let module = self.content_of(0).and_then(|content| content.module.as_ref());
        match module {
            Some(module) if !module.form.passes_agents() => {
                Err("the layer is no Wasm: pack a module".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The examined content, where it is that of the layer at `index`.
    fn content_of(&self, index: usize) -> Option<&LayerContent> {
        let examined = module_layer(self.manifest).ok()?;
        self.content.filter(|_| examined.index == index)
    }

    fn has_raw_layer(&self) -> bool {
        self.manifest.layers().iter().any(is_raw)
    }
}

fn is_raw(layer: &Descriptor) -> bool {
    Encoding::of(layer.media_type.as_str()) == Some(Encoding::Raw)
}

fn wrong_last_layer(last: &Descriptor, layers: &[Descriptor], expected: &str) -> String {
    let last_type = last.media_type.as_str();
    match Encoding::of(last_type) {
        Some(Encoding::TarZstd | Encoding::Tar) => {
            format!("the last layer is `{last_type}`; agents read only gzip: repack it with gzip")
        }
        Some(Encoding::TarGzip) => {
            format!(
                "the last layer is `{last_type}`, which under this manifest type must be `{expected}`: repack it"
            )
        }
        _ if layers.iter().any(|layer| layer.media_type == expected) => {
            format!("the last layer is `{last_type}`; agents read the last one only: put the tar last")
        }
        _ => format!("the last layer is `{last_type}`, not `{expected}`: push with layout `compat`"),
    }
}

fn check_tar_content(content: &LayerContent) -> Check {
    let Some(module) = &content.module else {
        return Err(match (&content.scan, content.wasm_files.first()) {
            (Scan::Broken { reason }, _) => format!("the last layer does not unpack ({reason}): repack it"),
            (Scan::Limit { reason }, _) => format!("{reason}: put the module alone into the last layer"),
            (_, Some(other)) => format!("the last layer holds `{other}`, not `plugin.wasm`: rename the file"),
            (_, None) => {
                "the last layer holds no `plugin.wasm`: put the module there under that name".to_owned()
            }
        });
    };
    let path = module.path.as_deref().unwrap_or("plugin.wasm");
    // Agents never ask for the type: they read what data there is, and links and directories have none.
    if module.kind != EntryKind::Regular && !module.form.passes_agents() {
        return Err(format!(
            "`{path}` is {}, which agents read as an empty file: pack the file itself",
            module.kind
        ));
    }
    match &content.scan {
        Scan::Limit { .. } => Err(too_large("fail")),
        Scan::Broken { reason } => Err(format!("`{path}` does not unpack ({reason}): repack it")),
        Scan::Complete | Scan::Module => check_module(module, path),
    }
}

fn check_module(module: &FoundModule, name: &str) -> Check {
    match module.form {
        ModuleForm::Core => Ok(()),
        ModuleForm::Component => Err(format!(
            "`{name}` is a Wasm component: the agent hands it on and Envoy refuses it; build a core module"
        )),
        ModuleForm::UnknownVersion(version) => Err(format!(
            "`{name}` has Wasm version {version}: the agent hands it on and Envoy refuses it; rebuild it"
        )),
        ModuleForm::TooSmall | ModuleForm::NotWasm => Err(format!(
            "`{name}` is no Wasm module: it does not begin with `\\0asm`; pack the module itself"
        )),
    }
}

/// Raw layers had no cap before Istio 1.30, which cuts them without a word; Envoy Gateway refuses them.
fn check_raw_size(agent: Agent, size_bytes: u64) -> Check {
    match agent {
        _ if size_bytes <= Limits::AGENT_BYTES => Ok(()),
        Agent::Istio1_30 => Err(too_large("cut it there without an error, and Envoy refuses the rest")),
        Agent::EnvoyGateway => Err(too_large("fail")),
        _ => Ok(()),
    }
}

fn too_large(consequence: &str) -> String {
    format!("it unpacks to more than 256 MiB, where agents {consequence}: make the module smaller")
}

#[cfg(test)]
mod tests;
