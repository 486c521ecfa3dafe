//! YAML as controllers and `kubectl` print it (the style of Go's YAML library): lists stand under their key without
//! indentation, texts are plain where they can be, in single quotes where they cannot, in double quotes where they would
//! read as something else, and as `|` blocks where they have several lines.

use std::fmt::Write as _;

use serde::Serialize;

use super::node::Unplaced;
use super::{Member, Node, NodeValue};

/// Prints `value` as one YAML document, keys in the order in which it serializes them.
///
/// # Errors
/// `value` has no JSON form.
pub fn to_yaml(value: &impl Serialize) -> serde_json::Result<String> {
    let Unplaced(node) = serde_json::from_str(&serde_json::to_string(value)?)?;
    let mut out = String::new();
    match &node.value {
        NodeValue::Object(members) if !members.is_empty() => object(&mut out, members, 0),
        NodeValue::List(items) if !items.is_empty() => list(&mut out, items, 0),
        _ => {
            inline(&mut out, &node, 0);
        }
    }
    Ok(out)
}

fn object(out: &mut String, members: &[Member], indent: usize) {
    for (nth, member) in members.iter().enumerate() {
        if nth > 0 {
            pad(out, indent);
        }
        out.push_str(&scalar(&member.key));
        out.push(':');
        match &member.node.value {
            NodeValue::Object(members) if !members.is_empty() => {
                out.push('\n');
                pad(out, indent + 2);
                object(out, members, indent + 2);
            }
            NodeValue::List(items) if !items.is_empty() => {
                out.push('\n');
                pad(out, indent);
                list(out, items, indent);
            }
            _ => {
                out.push(' ');
                inline(out, &member.node, indent);
            }
        }
    }
}

fn list(out: &mut String, items: &[Node], indent: usize) {
    for (nth, item) in items.iter().enumerate() {
        if nth > 0 {
            pad(out, indent);
        }
        out.push_str("- ");
        match &item.value {
            NodeValue::Object(members) if !members.is_empty() => object(out, members, indent + 2),
            NodeValue::List(items) if !items.is_empty() => list(out, items, indent + 2),
            _ => inline(out, item, indent),
        }
    }
}

/// A value that ends its line, or goes on in lines of its own as a block.
fn inline(out: &mut String, node: &Node, indent: usize) {
    match &node.value {
        NodeValue::Null => out.push_str("null"),
        NodeValue::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        NodeValue::Number(number) => out.push_str(&number.to_string()),
        NodeValue::Text(text) if is_block(text) => return block(out, text, indent + 2),
        NodeValue::Text(text) => out.push_str(&scalar(text)),
        NodeValue::List(_) => out.push_str("[]"),
        NodeValue::Object(_) => out.push_str("{}"),
    }
    out.push('\n');
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Several lines, and nothing in them that a block would lose.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && text.chars().all(|c| c == '\n' || is_printable(c))
        && !text.lines().any(|line| line.ends_with(' '))
}

fn block(out: &mut String, text: &str, indent: usize) {
    let body = text.trim_end_matches('\n');
    let breaks = text.len() - body.len();
    out.push_str(match breaks {
        0 => "|-\n",
        1 => "|\n",
        _ => "|+\n",
    });
    for line in body.split('\n') {
        if !line.is_empty() {
            pad(out, indent);
        }
        out.push_str(line);
        out.push('\n');
    }
    out.extend(std::iter::repeat_n('\n', breaks.saturating_sub(1)));
}

fn scalar(text: &str) -> String {
    if text.is_empty() || reads_as_something_else(text) || !text.chars().all(is_printable) {
        return double_quoted(text);
    }
    if is_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            // The only escape that reaches every character.
            c => write!(out, "\\U{:08X}", u32::from(c)).expect("a String takes every text"),
        }
    }
    out.push('"');
    out
}

/// What YAML 1.2, section 5.1, lets stand as it is, without the line breaks that only some readers know.
fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether the text without quotes would be a number, a boolean, null, a time or a merge key to some reader.
fn reads_as_something_else(text: &str) -> bool {
    const WORDS: [&str; 14] =
        ["~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "<<", "=", ".nan", ".inf"];
    let lower = text.to_ascii_lowercase();
    WORDS.contains(&lower.as_str()) || looks_like_a_number(&lower)
}

/// Digits with what numbers of any base, sexagesimal numbers and times have around them. Wider than any reader: quotes
/// too many do no harm.
fn looks_like_a_number(lower: &str) -> bool {
    let digits = lower.trim_start_matches(['+', '-', '.']);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && (is_radix(digits)
            || digits.chars().all(|c| c.is_ascii_digit() || "_.+-e:tz".contains(c))
            || lower.parse::<f64>().is_ok())
        || lower.trim_start_matches(['+', '-']) == ".inf"
}

fn is_radix(digits: &str) -> bool {
    ["0x", "0o", "0b"].iter().any(|radix| {
        let rest = digits.strip_prefix(radix);
        rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_hexdigit() || c == '_'))
    })
}

/// Whether a block context takes the text without quotes: no indicator in front, no `: `, no ` #`, no blank around.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next().unwrap_or(' ');
    let second = chars.next();
    let opens = match first {
        '-' | '?' | ':' => second.is_none_or(|c| c == ' '),
        _ => ",[]{}#&*!|>'\"%@`".contains(first),
    };
    !opens
        && text.trim() == text
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
        && !text.starts_with("---")
        && !text.starts_with("...")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::{ReadLimits, read};
    use super::*;

    fn yaml(value: &Value) -> String {
        to_yaml(value).unwrap()
    }

    #[test]
    fn lists_and_objects_stand_as_kubectl_prints_them() {
        let value = json!({"a": {"b": [{"c": 1, "d": [2]}, [3, [4]], {}, []]}, "e": {}, "f": [], "g": null});
        insta::assert_snapshot!(yaml(&value), @r"
        a:
          b:
          - c: 1
            d:
            - 2
          - - 3
            - - 4
          - {}
          - []
        e: {}
        f: []
        g: null
        ");
    }

    #[test]
    fn texts_are_quoted_only_where_they_must_be() {
        for (text, expected) in [
            ("foo.com", "foo.com"),
            ("s.dns:443", "s.dns:443"),
            ("oci://h/p:1.0.0", "oci://h/p:1.0.0"),
            ("a'b \"c\"", "a'b \"c\""),
            ("key=value", "key=value"),
            ("higress-course/ingress-bar", "higress-course/ingress-bar"),
            ("-a", "-a"),
            ("密钥", "密钥"),
            (r#"{"hello":"foo"}"#, r#"'{"hello":"foo"}'"#),
            ("*.x.io", "'*.x.io'"),
            ("it's: so", "'it''s: so'"),
            ("a #b", "'a #b'"),
            ("- a", "'- a'"),
            (" a", "' a'"),
            ("true", "\"true\""),
            ("No", "\"No\""),
            ("1", "\"1\""),
            ("0644", "\"0644\""),
            ("1e3", "\"1e3\""),
            ("0x1f", "\"0x1f\""),
            ("12:30:45", "\"12:30:45\""),
            ("2020-01-01", "\"2020-01-01\""),
            ("", "\"\""),
            ("a\tb", r#""a\tb""#),
            ("1.0.0-rc1", "1.0.0-rc1"),
        ] {
            assert_eq!(yaml(&json!({ "k": text })), format!("k: {expected}\n"), "{text:?}");
        }
    }

    #[test]
    fn several_lines_are_a_block() {
        for (text, expected) in [
            ("a\nb", "k: |-\n  a\n  b\n"),
            ("a\n\n  b\n", "k: |\n  a\n\n    b\n"),
            ("a\n\n\n", "k: |+\n  a\n\n\n"),
            (" a\nb", "k: \" a\\nb\"\n"),
        ] {
            assert_eq!(yaml(&json!({ "k": text })), expected, "{text:?}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let text = prop_oneof![".{0,12}", "[ -~\n\t]{0,12}", "[-+0-9._:eExXtTzZ ]{1,8}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has finite numbers", |n| n.is_finite()).prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".{0,8}", inner, 0..5).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(value in any_json()) {
            let text = yaml(&json!({ "k": value }));
            let nodes = read(text.as_bytes(), &ReadLimits::default()).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            prop_assert_eq!(nodes[0].to_json(), json!({ "k": value }), "{}", text);
        }
    }
}
