use std::io::{BufReader, Seek as _};
use std::net::SocketAddr;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::client::{Credentials, Options, RetryPolicy, WebClient};

use super::super::context::Context;
use super::super::exit::{Exit, Failure};
use super::super::output::{Paint, Report, printable};
use super::super::table::table;

/// Where an agent tells how it is doing, by default.
pub(super) const DEFAULT_ADDRESS: &str = "127.0.0.1:18001";

/// The longest status that is read.
const LARGEST_BYTES: u64 = 64 * 1024 * 1024;

/// Show how a running agent is doing: per plugin what is wanted and what runs, per Envoy what it took or refused
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hwasm-registry agent status
  hwasm-registry agent status --at 127.0.0.1:18001 --format json")]
pub(super) struct Args {
    /// The agent's `--status-listen`
    #[arg(long, value_name = "ADDRESS:PORT", default_value = DEFAULT_ADDRESS)]
    at: SocketAddr,
}

/// What the agent said.
#[derive(Debug)]
struct Said(Value);

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let said = self.ask().await.map_err(|error| {
            let failure = Failure::new(Exit::Network, format!("no agent answers at {}", self.at));
            error.context(failure.advise("start one with `hwasm-registry agent`"))
        })?;
        context.output.report(&Said(said))
    }

    async fn ask(&self) -> anyhow::Result<Value> {
        let options =
            Options { credentials: Credentials::Anonymous, retry: RetryPolicy::once(), ..Options::default() };
        let url = format!("http://{}/status", self.at).parse()?;
        let mut answer = tokio::fs::File::from_std(tempfile::tempfile()?);
        WebClient::new(&options).download(&url, &mut answer, LARGEST_BYTES).await?;
        let mut answer = answer.into_std().await;
        answer.rewind()?;
        Ok(serde_json::from_reader(BufReader::new(answer))?)
    }
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// How many Envoys took a plugin, of how many.
fn taken(envoys: &Value) -> String {
    let [accepted, rejected, waiting] =
        ["accepted", "rejected", "waiting"].map(|count| envoys[count].as_u64().unwrap_or_default());
    let refused = if rejected > 0 { format!(", {rejected} refused") } else { String::new() };
    format!("{accepted} of {}{refused}", accepted + rejected + waiting)
}

impl Report for Said {
    fn text(&self, paint: Paint) -> String {
        let list = |key: &str| self.0[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |value: &Value| printable(value.as_str().unwrap_or("-"));
        let short = |digest: &Value| text(digest).chars().take("sha256:".len() + 12).collect::<String>();
        let plugins = list("plugins").iter().map(|plugin| {
            [
                text(&plugin["name"]),
                text(&plugin["state"]),
                text(&plugin["policy"]),
                short(&plugin["wantedManifest"]),
                short(&plugin["running"]["manifest"]),
                taken(&plugin["envoys"]),
                plugin["nextPullSecs"].as_u64().map_or_else(|| "-".to_owned(), |secs| format!("{secs} s")),
                text(&plugin["lastPull"]["outcome"]),
            ]
        });
        let mut parts = vec![table(
            paint,
            ["plugin", "state", "policy", "wanted", "running", "envoys", "next pull", "last pull"],
            plugins,
        )];
        let envoys = list("envoys").iter().flat_map(|envoy| {
            let node = text(&envoy["nodeId"]);
            let resources = envoy["resources"].as_array().cloned().unwrap_or_default();
            resources.into_iter().map(move |resource| {
                let reason = printable(resource["rejected"]["reason"].as_str().unwrap_or_default());
                [node.clone(), text(&resource["name"]), text(&resource["state"]), reason]
            })
        });
        parts.push(table(paint, ["envoy", "resource", "state", "refused because"], envoys));
        for left_out in list("excluded") {
            let name = paint.caution(&format!("{} is not served", text(&left_out["name"])));
            parts.push(format!("{name}: {}", text(&left_out["why"])));
        }
        for file in list("files") {
            let name = paint.bad(&format!("{} is not in order", text(&file["file"])));
            parts.push(format!("{name}: {}", text(&file["problem"])));
        }
        parts.join("\n\n")
    }
}
