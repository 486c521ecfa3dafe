use serde::Serialize;
use serde_json::Value;

use crate::client::Registry;
use crate::oci::{Digest, RepositoryName, Tag};

use super::context::Context;
use super::output::{Paint, Report, printable};
use super::session::{Session, SessionArgs, with_session};
use super::table::table;
use super::tagged::Tagged;

/// Show what moving a tag would do to the gateways that have it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
By the rules of the agents there are: who takes the new digest at once, who waits for the next version of a WasmPlugin,
and who keeps what it has. What an agent's policy is, is certain only where the agent reports it.

Examples:
  # Before a push to the same tag
  hwasm-registry impact plugins/key-auth:1.0.0

  # Before the tag is moved to something that some have already
  hwasm-registry impact plugins/key-auth:latest sha256:9c2f…")]
pub(super) struct Args {
    /// The tag: [host/]repository:tag
    #[arg(value_name = "REF")]
    reference: String,
    /// What it is to name; without it, something that nobody has yet
    #[arg(value_name = "NEW-DIGEST")]
    digest: Option<Digest>,
    #[command(flatten)]
    session: SessionArgs,
}

/// What moving a tag does, as the registry tells it.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Impact(Value);

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let impact = with_session(context, &self.session, async |session| self.ask(session).await).await?;
        context.output.report(&impact)
    }

    async fn ask(&self, session: &Session<'_>) -> anyhow::Result<Impact> {
        let tagged = Tagged::named(session, &self.reference).await?;
        let (registry, repository) = (tagged.remote.registry(), tagged.remote.repository());
        Ok(Impact::ask(registry, (repository, &tagged.tag), self.digest.as_ref()).await?)
    }
}

impl Impact {
    /// Asks `registry` what it would do to let a tag name `new`.
    pub(super) async fn ask(
        registry: &Registry,
        (repository, tag): (&RepositoryName, &Tag),
        new: Option<&Digest>,
    ) -> Result<Self, crate::client::Error> {
        registry.impact(repository, tag, new).await.map(Self)
    }

    /// Whether the tag names something else now, and somebody has it.
    pub(super) fn is_felt(&self) -> bool {
        let has_moved = !self.0["current"].is_null() && self.0["current"] != self.0["new"];
        let agents =
            ["moves", "waits", "stays", "unknown"].map(|effect| self.count(effect)).iter().sum::<u64>();
        has_moved && (agents > 0 || self.plugins().any(|plugin| plugin["effect"] != "unaffected"))
    }

    /// What happens to how many agents.
    fn sentence(&self) -> String {
        let effects = [
            ("moves", "follow at once"),
            ("waits", "wait for the next version of their WasmPlugin"),
            ("stays", "keep what they have"),
            ("unknown", "follow a policy that is not known"),
            ("unaffected", "are not affected"),
        ];
        let said: Vec<String> = effects
            .iter()
            .map(|(effect, words)| (self.count(effect), words))
            .filter(|(count, _)| *count > 0)
            .map(|(count, words)| format!("{count} {words}"))
            .collect();
        if said.is_empty() { "no agent has it".to_owned() } else { format!("agents: {}", said.join(", ")) }
    }

    fn count(&self, effect: &str) -> u64 {
        self.0["counts"][effect].as_u64().unwrap_or_default()
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.0[key].as_array().into_iter().flatten()
    }

    fn plugins(&self) -> impl Iterator<Item = &Value> {
        self.list("plugins")
    }
}

/// A text of the registry's, or a dash.
pub(super) fn text(value: &Value) -> String {
    printable(value.as_str().filter(|text| !text.is_empty()).unwrap_or("-"))
}

/// The beginning of a digest.
pub(super) fn short_text(digest: &Value) -> String {
    text(digest).chars().take("sha256:".len() + 12).collect()
}

/// A policy, with a mark where it is inferred.
pub(super) fn policy(policy: &Value) -> String {
    match policy["policy"].as_str() {
        None => "-".to_owned(),
        Some(name) if policy["source"] == "inferred" => {
            format!("{}? ({})", printable(name), text(&policy["confidence"]))
        }
        Some(name) => printable(name),
    }
}

/// What moves an agent, in words.
pub(super) fn movers(list: &Value) -> String {
    let word = |mover: &Value| match mover.as_str() {
        Some("at-once") => "the move itself".to_owned(),
        Some("new-version") => "a new version of its WasmPlugin".to_owned(),
        Some("restart") => "a restart of its agent".to_owned(),
        Some("idle") => "a day without deliveries".to_owned(),
        Some("new-reference") => "another tag or digest in its WasmPlugin".to_owned(),
        other => printable(other.unwrap_or("-")),
    };
    let words: Vec<String> = list.as_array().into_iter().flatten().map(word).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", or ") }
}

impl Report for Impact {
    fn text(&self, paint: Paint) -> String {
        let name = format!("{}:{}", text(&self.0["repository"]), text(&self.0["tag"]));
        let new =
            if self.0["new"].is_null() { "something new".to_owned() } else { short_text(&self.0["new"]) };
        let current = short_text(&self.0["current"]);
        let mut parts = vec![format!("{} from {current} to {new}: {}", paint.strong(&name), self.sentence())];
        let agents: Vec<_> = self
            .list("agents")
            .map(|agent| {
                let plugin = text(&agent["plugin"]);
                let (has, effect) = (short_text(&agent["digest"]), text(&agent["effect"]));
                [
                    text(&agent["agent"]),
                    plugin,
                    has,
                    policy(&agent["policy"]),
                    effect,
                    movers(&agent["movesWith"]),
                ]
            })
            .collect();
        if !agents.is_empty() {
            parts.push(table(
                paint,
                ["AGENT", "WASMPLUGIN", "HAS", "POLICY", "EFFECT", "MOVES WITH"],
                agents,
            ));
        }
        let plugins: Vec<_> = self
            .plugins()
            .map(|plugin| {
                let name = format!("{}/{}", text(&plugin["namespace"]), text(&plugin["name"]));
                [name, text(&plugin["policy"]), text(&plugin["effect"]), movers(&plugin["movesWith"])]
            })
            .collect();
        if !plugins.is_empty() {
            parts.push(table(paint, ["KNOWN WASMPLUGIN", "POLICY", "EFFECT", "MOVES WITH"], plugins));
        }
        parts.join("\n\n")
    }
}
