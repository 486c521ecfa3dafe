//! From text to documents: YAML as Kubernetes reads it (YAML 1.1: `yes` is true, `0644` is octal), JSON, or several of
//! either, within limits.

use serde_saphyr::UserMessageFormatter;
use serde_saphyr::budget::BudgetBreach;

use super::{Node, NodeValue, Place};

/// What reading may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes of the text. Default 16 MiB, about ten times what Kubernetes stores for one object.
    pub bytes: usize,
    /// Values, behind aliases counted once for each alias. Default 1 000 000.
    pub nodes: usize,
}

impl ReadLimits {
    /// Lists and objects within each other.
    pub const DEPTH: usize = 64;
    /// Documents of one text.
    pub const DOCUMENTS: usize = 10_000;
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, nodes: 1_000_000 }
    }
}

/// Why a text could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is larger than allowed.
    #[error("the text has more than the {limit} bytes that are read; split it")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// It is not text.
    #[error("{place}: {}", self.reason())]
    NotUtf8 {
        /// Where the first wrong byte stands.
        place: Place,
    },
    /// It is not YAML or JSON, has a key twice, or costs more than the limits allow.
    #[error("{place}: {reason}")]
    Syntax {
        /// Where it goes wrong.
        place: Place,
        /// What is wrong.
        reason: String,
    },
    /// The system gives no thread to read in.
    #[error("no thread to read in: {0}")]
    NoThread(String),
}

impl ReadError {
    /// Where it goes wrong, if at one place.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::TooLarge { .. } | Self::NoThread(_) => None,
            Self::NotUtf8 { place } | Self::Syntax { place, .. } => Some(*place),
        }
    }

    /// What is wrong, without the place.
    pub fn reason(&self) -> String {
        match self {
            Self::NotUtf8 { .. } => "this is not UTF-8; save the file as UTF-8".to_owned(),
            Self::Syntax { reason, .. } => reason.clone(),
            Self::TooLarge { .. } | Self::NoThread(_) => self.to_string(),
        }
    }
}

/// Reads every document of `text`; empty ones are left out.
///
/// # Errors
/// The text is too large, not UTF-8, not YAML or JSON, has a key twice in one object, nests too deep, or unfolds by
/// its aliases to more than `limits` allow.
pub fn read(text: &[u8], limits: &ReadLimits) -> Result<Vec<Node>, ReadError> {
    if text.len() > limits.bytes {
        return Err(ReadError::TooLarge { limit: limits.bytes });
    }
    let text = std::str::from_utf8(text).map_err(|error| not_utf8(text, error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let nodes = on_a_deep_stack(|| serde_saphyr::from_multiple_with_options::<Node>(text, options(limits)))?;
    let nodes = nodes.map_err(|error| syntax(&error, text))?;
    Ok(nodes.into_iter().filter(|node| node.value != NodeValue::Null).collect())
}

/// The reader calls itself for every level, and a level takes up to 50 kB of an unoptimised build: more than the
/// stack of a server's thread holds at [`ReadLimits::DEPTH`].
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, ReadError> {
    const STACK_BYTES: usize = 8 * 1024 * 1024;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| ReadError::NoThread(error.to_string()))?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn options(limits: &ReadLimits) -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: limits.nodes,
            max_events: limits.nodes.saturating_mul(4),
            max_depth: ReadLimits::DEPTH,
            max_documents: ReadLimits::DOCUMENTS,
            max_total_scalar_bytes: limits.bytes.saturating_mul(4),
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: limits.nodes,
        },
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

fn not_utf8(text: &[u8], at: usize) -> ReadError {
    let before = String::from_utf8_lossy(&text[..at]);
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    let line = before.matches('\n').count() as u64 + 1;
    ReadError::NotUtf8 { place: Place { line, column: last_line.chars().count() as u64 + 1 } }
}

fn syntax(error: &serde_saphyr::Error, text: &str) -> ReadError {
    let place: Place = error.location().map(Into::into).unwrap_or_default();
    let mut innermost = error.without_snippet();
    while let serde_saphyr::Error::AliasError { error, .. } = innermost {
        innermost = error;
    }
    let reason = match innermost {
        serde_saphyr::Error::Budget { breach, .. } => too_costly(breach),
        serde_saphyr::Error::AliasReplayLimitExceeded { .. } => TOO_MANY_VALUES.to_owned(),
        error => {
            let rendered = error.render_with_formatter(&UserMessageFormatter);
            // The place is a field of its own, so that it is told once and first.
            advised(rendered.split(" at line ").next().unwrap_or_default(), text, place)
        }
    };
    ReadError::Syntax { place, reason }
}

/// The reader's words, and what to do about the two mistakes that people make most.
fn advised(reason: &str, text: &str, place: Place) -> String {
    let line = usize::try_from(place.line).unwrap_or_default().saturating_sub(1);
    let line = text.lines().nth(line).unwrap_or_default();
    if line.contains("{{") {
        format!("{reason}; a template has to be rendered first, such as by `helm template`")
    } else if reason.starts_with("mapping values are not allowed") {
        format!("{reason}; check the indentation, and put a text with a colon in quotes")
    } else {
        reason.to_owned()
    }
}

const TOO_MANY_VALUES: &str = "the text unfolds to more values than are read; use fewer aliases, or split it";

/// The reader names its own limits; this names ours.
fn too_costly(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => {
            format!("lists and objects stand more than {} levels deep", ReadLimits::DEPTH)
        }
        BudgetBreach::Documents { .. } => {
            format!("the text has more than {} documents", ReadLimits::DOCUMENTS)
        }
        _ => TOO_MANY_VALUES.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::FieldPath;
    use super::*;

    fn one(text: &str) -> Node {
        let mut nodes = read(text.as_bytes(), &ReadLimits::default()).unwrap();
        assert_eq!(nodes.len(), 1, "{text}");
        nodes.remove(0)
    }

    fn fails(text: &[u8]) -> String {
        read(text, &ReadLimits::default()).unwrap_err().to_string()
    }

    #[test]
    fn scalars_are_what_kubernetes_reads() {
        for (text, json) in [
            ("yes", "true"),
            ("Off", "false"),
            ("0644", "420"),
            ("0o17", "15"),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("9007199254740993", "9007199254740993"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1.50", "1.5"),
            ("1e3", "1000.0"),
            ("~", "null"),
            ("\"yes\"", "\"yes\""),
            ("'0644'", "\"0644\""),
            ("2020-01-01", "\"2020-01-01\""),
            (r#""😀 \/""#, "\"😀 /\""),
        ] {
            assert_eq!(
                one(&format!("a: {text}")).member("a").unwrap().node.to_json().to_string(),
                json,
                "{text}"
            );
        }
    }

    #[test]
    fn every_value_knows_its_place() {
        let node = one("# comment\na: 1\nb:\n  - x\n  - {c: é, d: 2}\n");
        for (path, line, column) in [
            (FieldPath::of(&["a"]), 2, 1),
            (FieldPath::of(&["b"]).index(0), 4, 5),
            (FieldPath::of(&["b"]).index(1).key("d"), 5, 12),
            (FieldPath::of(&["b"]).index(1).key("absent").key("deeper"), 5, 5),
            (FieldPath::root(), 2, 1),
        ] {
            assert_eq!(node.place_of(&path), Place { line, column }, "{path}");
        }
    }

    #[test]
    fn anchors_and_merge_keys_are_unfolded() {
        let node = one("base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\nagain: *base\n");
        assert_eq!(node.member("use").unwrap().node.to_json(), serde_json::json!({"a": 1, "b": 3}));
        assert_eq!(node.member("again").unwrap().node.to_json(), serde_json::json!({"a": 1, "b": 2}));
    }

    #[test]
    fn json_is_read_like_yaml() {
        let node = one("{\"a\": \"\\ud83d\\ude00 \\/\",\n\t\"b\": [1, -2, 1.5, null, true]}");
        assert_eq!(node.to_json(), serde_json::json!({"a": "😀 /", "b": [1, -2, 1.5, null, true]}));
        assert_eq!(node.place_of(&FieldPath::of(&["b"])), Place { line: 2, column: 2 });
    }

    #[test]
    fn empty_documents_are_left_out() {
        for text in ["", "# nothing\n", "---\n---\n", "\u{feff}"] {
            assert_eq!(read(text.as_bytes(), &ReadLimits::default()).unwrap(), [], "{text:?}");
        }
        assert_eq!(read(b"---\na: 1\n---\n---\nb: 1\n...\n", &ReadLimits::default()).unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_place() {
        for (text, expected) in [
            (&b"a: 1\nb: 2\na: 3\n"[..], "line 3, column 1: duplicate mapping key `a`"),
            (b"a: [1,\n  - b]", "line 2, column 3: "),
            (b"a: 1\nb: \xc3\x28", "line 2, column 4: this is not UTF-8"),
            (b"a: .inf", "line 1, column 4: "),
            (b"a: *nowhere", "line 1, column 4: "),
            (b"{\"a\": \"\\ud83d\"}", "line 1, column "),
            (b"a: 'open", "line 1, column "),
        ] {
            let said = fails(text);
            assert!(said.starts_with(expected), "{}: {said}", String::from_utf8_lossy(text));
            assert!(!said.contains("Policy") && !said.contains("Options"), "{said}");
        }
    }

    #[test]
    fn the_commonest_mistakes_come_with_advice() {
        for (text, advice) in [
            ("a: {{ .Values.a }}\n", "`helm template`"),
            ("{{- if .Values.a }}\na: 1\n{{- end }}\n", "`helm template`"),
            ("a: b\n  c: d\n", "check the indentation"),
            ("a: b: c\n", "in quotes"),
        ] {
            let said = fails(text.as_bytes());
            assert!(said.contains(advice), "{text}: {said}");
        }
        assert!(!fails(b"prompt: '{{a}}'\nb: [\n").contains("helm"));
    }

    #[test]
    fn what_would_cost_too_much_is_refused() {
        let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
        let mut deep_block = String::new();
        for depth in 0..100 {
            writeln!(deep_block, "{:depth$}a:", "").unwrap();
        }
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..12 {
            writeln!(bomb, "a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 10].join(",")).unwrap();
        }
        let documents = "---\na: 1\n".repeat(ReadLimits::DOCUMENTS + 1);
        for text in [&deep, &deep_block, &bomb, &documents] {
            let said = fails(text.as_bytes());
            assert!(said.contains("line ") && said.len() < 200, "{said}");
        }
        assert!(fails(bomb.as_bytes()).contains("use fewer aliases"));
        let small = ReadLimits { bytes: 10, nodes: 3 };
        assert_eq!(read(b"a: 12345678", &small), Err(ReadError::TooLarge { limit: 10 }));
        assert!(matches!(read(b"[1,2,3,4]", &small), Err(ReadError::Syntax { .. })));
    }
}
