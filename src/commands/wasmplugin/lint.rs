use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::gateway::{
    Finding, FlavourChoice, Flavours, LintFile, LintInput, LintReport, LintRule, RuleSeverity, Severity,
};
use crate::plugin::{ImageFacts, ModuleUrl, Place};

use super::super::context::Context;
use super::super::exit::{Exit, Failure};
use super::super::output::{Paint, Report, printable};
use super::super::session::{Session, SessionArgs, with_session};
use super::gateway_args::GatewayArgs;
use super::image_facts;
use super::input::{NO_PLUGIN, SourceFile, UnreadableFile, read_files};
use super::rule_page::{RuleList, RulePage};
use super::workflow_command::WorkflowCommand;

/// How many images are looked at at once.
const PARALLEL: usize = 8;

/// Find what is wrong with `WasmPlugin`s before they are applied
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits with 1 if there is a finding of the severity that --fail-on names, or above. The files are taken to go to one \
gateway: names and priorities are compared across them.

Examples:
  hwasm-registry wasmplugin lint plugins/

  # Look at the images too: layout, size, digests, and the schema of the configuration
  hwasm-registry wasmplugin lint --images key-auth.yaml

  # Beside the lines of a pull request, in a GitHub workflow
  hwasm-registry wasmplugin lint --format github --fail-on warning plugins/

  # Why is this a problem?
  hwasm-registry wasmplugin lint --explain service-wildcard")]
pub(super) struct Args {
    /// Files of `WasmPlugin`s (YAML or JSON), directories of such files, or `-` for standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["explain", "rules"])]
    files: Vec<PathBuf>,
    /// Say what a rule looks for, what happens in a cluster, and what to do
    #[arg(long, value_name = "RULE", conflicts_with_all = ["files", "rules"])]
    explain: Option<&'static LintRule>,
    /// List the rules
    #[arg(long, conflicts_with = "files")]
    rules: bool,
    /// The least severity to print: `error`, `warning` or `info`
    #[arg(long, value_name = "SEVERITY", default_value_t = Severity::Warning)]
    level: Severity,
    /// The least severity that makes the command fail
    #[arg(long, value_name = "SEVERITY", default_value_t = Severity::Error)]
    fail_on: Severity,
    /// Leave out a rule; may be repeated
    #[arg(long = "disable", value_name = "RULE")]
    disabled: Vec<&'static LintRule>,
    /// Give the findings of a rule another severity; may be repeated
    #[arg(long = "severity", value_name = "RULE=SEVERITY")]
    severities: Vec<RuleSeverity>,
    /// The SDK that the plugins are built with: `go`, `cpp`, `cpp-auth`, `rust` or `assemblyscript`; for one plugin,
    /// `NAME=FLAVOUR`; may be repeated. Without it, what any of them refuses is a warning
    #[arg(long = "flavour", value_name = "[NAME=]FLAVOUR")]
    flavours: Vec<FlavourChoice>,
    /// Look at the images that the URLs name, and hold configurations against the schemas in them
    #[arg(long)]
    images: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(flatten)]
    session: SessionArgs,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Linted {
    /// Files that are no YAML or JSON.
    unreadable: Vec<Unreadable>,
    /// What there is to say about the others.
    #[serde(flatten)]
    report: LintReport,
}

/// A file that could not be read.
#[derive(Debug, Serialize)]
struct Unreadable {
    file: String,
    #[serde(flatten)]
    place: Option<Place>,
    message: String,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.explain {
            Some(rule) => context.output.report(&RulePage(rule)),
            None if self.rules => context.output.report(&RuleList::all()),
            None => self.lint(context).await,
        }
    }

    async fn lint(self, context: &Context) -> anyhow::Result<()> {
        let (mut sources, mut unreadable) = (Vec::new(), Vec::new());
        for file in read_files(&self.files)? {
            match file {
                Ok(source) => sources.push(source),
                Err(error) => unreadable.push(Unreadable::from(error)),
            }
        }
        let images =
            if self.images { self.look_at_images(context, &sources).await? } else { BTreeMap::new() };
        let input = LintInput {
            files: sources.iter().map(SourceFile::to_lint).collect(),
            settings: self.gateway.settings(context)?,
            flavours: self.flavours.iter().cloned().collect::<Flavours>(),
            images,
            disabled: self.disabled.iter().copied().collect::<BTreeSet<_>>(),
            severities: self.severities.iter().map(|given| (given.rule, given.severity)).collect(),
        };
        let report = LintReport::of(&input, self.level);
        let linted = Linted { unreadable, report };
        context.output.report(&linted)?;
        if linted.is_empty() {
            context.output.warn(NO_PLUGIN);
        }
        linted.verdict(self.fail_on)
    }

    /// What the registries say of the images. One that cannot be looked at is a warning: the linter says what it can.
    async fn look_at_images(
        &self,
        context: &Context,
        sources: &[SourceFile],
    ) -> anyhow::Result<BTreeMap<String, ImageFacts>> {
        let plugins = sources.iter().flat_map(|source| &source.resources.plugins);
        let urls: BTreeSet<&str> = plugins.map(|resource| resource.plugin.spec.url.as_str()).collect();
        with_session(context, &self.session, async |session| {
            let each = stream::iter(urls)
                .map(|url| async move { Some((url.to_owned(), facts(session, url).await?)) });
            let found: Vec<_> = each.buffered(PARALLEL).collect().await;
            Ok(found.into_iter().flatten().collect())
        })
        .await
    }
}

/// Nothing where the URL names no image, which the linter says by itself.
async fn facts(session: &Session<'_>, url: &str) -> Option<ImageFacts> {
    let image = url.parse::<ModuleUrl>().ok()?.image()?.to_string();
    let looked = async {
        let place = session.place(&image)?;
        image_facts::fetch(session, &place).await
    };
    match looked.await {
        Ok(facts) => Some(facts),
        Err(error) => {
            session.context.output.warn(format_args!("{error:#}"));
            None
        }
    }
}

impl SourceFile {
    fn to_lint(&self) -> LintFile<'_> {
        LintFile { name: &self.name, resources: &self.resources }
    }
}

impl Report for Linted {
    fn text(&self, paint: Paint) -> String {
        let unreadable = self.unreadable.iter().map(|file| file.text(paint));
        let mut lines: Vec<String> =
            unreadable.chain(self.report.findings.iter().map(|finding| line(finding, paint))).collect();
        lines.push(self.summary());
        lines.join("\n")
    }

    fn github(&self) -> Option<String> {
        let unreadable = self.unreadable.iter().map(Unreadable::github);
        Some(unreadable.chain(self.report.findings.iter().map(github)).collect::<Vec<_>>().join("\n"))
    }
}

impl Linted {
    /// Whether there was nothing to look at.
    fn is_empty(&self) -> bool {
        let LintReport { count, plugins, .. } = &self.report;
        *plugins == 0 && count.is_empty() && self.unreadable.is_empty()
    }

    /// An error where a file could not be read, or there is a finding of the severity `least` or above.
    fn verdict(&self, least: Severity) -> anyhow::Result<()> {
        let failing = self.report.count_from(least);
        let findings = format!("{} of severity {least} or above", counted(failing, "finding"));
        let message = match (failing, self.unread()) {
            (0, None) => return Ok(()),
            (0, Some(unread)) => return Err(Failure::new(Exit::Failure, unread).into()),
            (_, None) => findings,
            (_, Some(unread)) => format!("{findings}, and {unread}"),
        };
        let advice = "`hwasm-registry wasmplugin lint --explain RULE` says why and what to do";
        Err(Failure::new(Exit::Failure, message).advise(advice).into())
    }

    /// `1 file not read`
    fn unread(&self) -> Option<String> {
        let files = self.unreadable.len();
        (files > 0).then(|| format!("{} not read", counted(files, "file")))
    }

    /// `3 plugins: 1 error, 2 warnings (4 infos are not shown)`
    fn summary(&self) -> String {
        let severities = [Severity::Error, Severity::Warning, Severity::Info];
        let shown = |severity: &Severity| {
            self.report.findings.iter().filter(|finding| finding.severity == *severity).count()
        };
        let counts =
            severities.iter().map(|severity| (severity, shown(severity))).filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(severity, count)| counted(count, &severity.to_string()))
            .chain(self.unread())
            .collect();
        let found = if counts.is_empty() { "nothing found".to_owned() } else { counts.join(", ") };
        let hidden = self.report.count.values().sum::<usize>() - self.report.findings.len();
        let hidden = match hidden {
            0 => String::new(),
            hidden => format!(" ({hidden} below the level that is printed)"),
        };
        format!("{}: {found}{hidden}", counted(self.report.plugins, "plugin"))
    }
}

impl From<UnreadableFile> for Unreadable {
    fn from(UnreadableFile { name, source }: UnreadableFile) -> Self {
        Self { file: name, place: source.place(), message: source.reason() }
    }
}

impl Unreadable {
    fn text(&self, paint: Paint) -> String {
        let place = self.place.map_or_else(String::new, |place| format!("{}:{}:", place.line, place.column));
        format!("{}:{place} {}: {}", printable(&self.file), paint.bad("error"), printable(&self.message))
    }

    fn github(&self) -> String {
        let Self { file, place, message } = self;
        let (severity, title) = (Severity::Error, "unreadable");
        WorkflowCommand { severity, file, place: *place, title, message }.to_string()
    }
}

fn github(finding: &Finding) -> String {
    let Finding { severity, file, place, rule, message, fix, .. } = finding;
    let place = (place.line > 0).then_some(*place);
    let message = format!("{message}\nfix: {fix}");
    WorkflowCommand { severity: *severity, file, place, title: rule.id, message: &message }.to_string()
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn line(finding: &Finding, paint: Paint) -> String {
    let text = finding.to_string();
    let lines: Vec<String> = text.lines().map(printable).collect();
    let label = format!("{}[{}]", finding.severity, finding.rule.id);
    let painted = match finding.severity {
        Severity::Error => paint.bad(&label),
        Severity::Warning => paint.caution(&label),
        Severity::Info => paint.strong(&label),
    };
    lines.join("\n").replacen(&label, &painted, 1)
}
