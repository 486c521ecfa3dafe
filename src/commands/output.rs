//! The only printer: results go to standard output, everything else to standard error.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;

/// How a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document on standard output, for programs.
    Json,
    /// Workflow commands of GitHub Actions, where the command has any; else as for people.
    Github,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// In pipes too.
    Always,
    /// Never.
    Never,
}

/// Options that every command has and that only the printer looks at.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// How to print the result: for people, as one JSON document, or (`wasmplugin lint` only) for GitHub Actions
    #[arg(long, value_enum, default_value_t, global = true, help_heading = "Output")]
    #[arg(value_name = "text|json|github", hide_possible_values = true)]
    pub(super) format: Format,
    /// Print the result and errors only: no progress, no notes
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(super) quiet: bool,
    /// When to use colours; `NO_COLOR` in the environment means never
    #[arg(long, value_enum, default_value_t, global = true, help_heading = "Output")]
    #[arg(value_name = "auto|always|never", hide_possible_values = true)]
    pub(super) color: Color,
}

/// What a command found out or did. Its JSON is the same facts under fixed names.
pub(super) trait Report: Serialize {
    /// The text for people, without the last line break.
    fn text(&self, paint: Paint) -> String;

    /// The text as workflow commands of GitHub Actions, for a command that has any.
    fn github(&self) -> Option<String> {
        None
    }
}

/// Text out of somebody else's file, on one line and with nothing in it that a terminal obeys.
pub(super) fn printable(text: &str) -> String {
    printable_but(&[], text)
}

/// The same for a message, which may have several lines and quote what a registry or a helper said.
fn printable_lines(text: &str) -> String {
    printable_but(&['\n', '\t'], text)
}

fn printable_but(kept: &[char], text: &str) -> String {
    let replace =
        |c: char| if c.is_control() && !kept.contains(&c) { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(replace).collect()
}

/// Whoever read our standard output has closed it, as `head` does: no failure, but nothing left to do.
#[derive(Debug)]
pub(super) struct ReaderGone;

impl fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output was closed")
    }
}

impl std::error::Error for ReaderGone {}

/// Colours, where they are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(bool);

impl Paint {
    /// No colours: what is told as a note has none.
    pub(super) const NONE: Self = Self(false);

    /// For what is as it should be.
    pub(super) fn good(self, text: &str) -> String {
        self.wrap(AnsiColor::Green.on_default(), text)
    }

    /// For what is not.
    pub(super) fn bad(self, text: &str) -> String {
        self.wrap(AnsiColor::Red.on_default().bold(), text)
    }

    /// For what needs a look.
    pub(super) fn caution(self, text: &str) -> String {
        self.wrap(AnsiColor::Yellow.on_default(), text)
    }

    /// For what the eye should find first.
    pub(super) fn strong(self, text: &str) -> String {
        self.wrap(Style::new().bold(), text)
    }

    fn wrap(self, style: Style, text: &str) -> String {
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Prints for one command.
#[derive(Debug)]
pub(super) struct Output {
    format: Format,
    quiet: bool,
    /// For standard output.
    paint: Paint,
    /// For standard error.
    paint_notes: Paint,
    /// The bars; notes are printed above them.
    bars: MultiProgress,
}

impl Output {
    /// Looks at the terminal once.
    pub(super) fn new(args: &OutputArgs) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let paint = |terminal: bool| {
            Paint(match args.color {
                Color::Auto => terminal && !no_color,
                Color::Always => true,
                Color::Never => false,
            })
        };
        let show_bars = io::stderr().is_terminal() && !args.quiet && args.format == Format::Text;
        let target = if show_bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self {
            format: args.format,
            quiet: args.quiet,
            paint: paint(io::stdout().is_terminal()),
            paint_notes: paint(io::stderr().is_terminal()),
            bars: MultiProgress::with_draw_target(target),
        }
    }

    /// Prints the result of the command.
    pub(super) fn report(&self, report: &impl Report) -> anyhow::Result<()> {
        let text = self.render(report)?;
        if text.is_empty() {
            return Ok(());
        }
        self.raw(format!("{text}\n").as_bytes())
    }

    /// Prints one of many results: a line of text, or one JSON document on a line.
    pub(super) fn line(&self, report: &impl Report) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Json => serde_json::to_string(report)?,
            Format::Text | Format::Github => report.text(self.paint),
        };
        self.raw(format!("{text}\n").as_bytes())
    }

    /// The result in the format asked for, without the last line break.
    pub(super) fn render(&self, report: &impl Report) -> anyhow::Result<String> {
        match self.format {
            Format::Text => Ok(report.text(self.paint)),
            Format::Json => Ok(serde_json::to_string_pretty(report)?),
            Format::Github => Ok(report.github().unwrap_or_else(|| report.text(self.paint))),
        }
    }

    /// Writes bytes to standard output as they are: a module, a completion script.
    pub(super) fn raw(&self, bytes: &[u8]) -> anyhow::Result<()> {
        self.bars.suspend(|| {
            let mut out = io::stdout().lock();
            match out.write_all(bytes).and_then(|()| out.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
                other => Ok(other?),
            }
        })
    }

    /// Tells what was chosen or is going on. Not printed with `--quiet`.
    pub(super) fn note(&self, text: impl fmt::Display) {
        if !self.quiet {
            self.say(&printable_lines(&text.to_string()));
        }
    }

    /// Whether somebody sits before a terminal, who can be asked.
    pub(super) fn can_ask(&self) -> bool {
        self.format == Format::Text && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Tells what the caller should look at, `--quiet` or not.
    pub(super) fn warn(&self, text: impl fmt::Display) {
        let text = printable_lines(&text.to_string());
        self.say(&format!("{} {text}", self.paint_notes.caution("warning:")));
    }

    /// Tells why the command failed: what was tried, then each cause, then what to do next.
    pub(super) fn failure(&self, error: &anyhow::Error, advice: Option<&str>) {
        let mut text = error.to_string();
        let mut said = error.to_string();
        for cause in error.chain().skip(1).map(ToString::to_string) {
            if !said.contains(&cause) {
                text.push_str("\n  because ");
                text.push_str(&cause);
            }
            said = cause;
        }
        if let Some(advice) = advice {
            text.push_str("\n  to do: ");
            text.push_str(advice);
        }
        self.say(&format!("{} {}", self.paint_notes.bad("error:"), printable_lines(&text)));
    }

    /// Where progress bars are drawn; hidden unless standard error is a terminal.
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    fn say(&self, text: &str) {
        // Nobody is left to hear about a standard error that is gone.
        self.bars.suspend(|| writeln!(io::stderr().lock(), "{text}").unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_never_moves_the_cursor() {
        let said = "denied\x1b[2J\r\u{9b}31m\n\tsecond line";
        assert_eq!(printable_lines(said), "denied\u{fffd}[2J\u{fffd}\u{fffd}31m\n\tsecond line");
        assert_eq!(printable("a\nb"), "a\u{fffd}b");
    }
}
