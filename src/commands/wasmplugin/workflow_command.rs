use std::fmt;

use crate::gateway::Severity;
use crate::plugin::Place;

/// A line that GitHub Actions shows beside a file's line in a pull request (GitHub's documentation, "Workflow commands
/// for GitHub Actions"; `toolkit` 1.x, `core/src/command.ts`).
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkflowCommand<'a> {
    /// How bad it is.
    pub(super) severity: Severity,
    /// The file.
    pub(super) file: &'a str,
    /// Where in the file, if at one place.
    pub(super) place: Option<Place>,
    /// What stands above the message.
    pub(super) title: &'a str,
    /// The message; it may have several lines.
    pub(super) message: &'a str,
}

impl fmt::Display for WorkflowCommand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        write!(f, "::{command} file={}", property(self.file))?;
        if let Some(place) = self.place {
            write!(f, ",line={},col={}", place.line, place.column)?;
        }
        write!(f, ",title={}::{}", property(self.title), data(self.message))
    }
}

/// What stands after the command: a line end would end it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which a comma or a colon would end too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_file_can_end_the_command() {
        let command = WorkflowCommand {
            severity: Severity::Warning,
            file: "a,b:c%.yaml",
            place: Some(Place { line: 12, column: 5 }),
            title: "wrong-namespace",
            message: "100 % wrong\r\n::error::x",
        };
        assert_eq!(
            command.to_string(),
            "::warning file=a%2Cb%3Ac%25.yaml,line=12,col=5,title=wrong-namespace::100 %25 wrong%0D%0A::error::x"
        );
        let nowhere = WorkflowCommand { severity: Severity::Info, file: "a", place: None, ..command };
        assert!(nowhere.to_string().starts_with("::notice file=a,title=wrong-namespace::"));
    }
}
