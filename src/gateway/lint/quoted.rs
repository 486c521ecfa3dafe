//! Values out of the file, as messages quote them.

/// `text` between backticks, cut where a message would become unreadable.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// Several values, each between backticks.
pub(super) fn all_quoted<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 8;
    let mut texts = texts.into_iter();
    let first: Vec<String> = texts.by_ref().take(MOST).map(quoted).collect();
    let rest = texts.count();
    if rest == 0 { first.join(", ") } else { format!("{} and {rest} more", first.join(", ")) }
}

/// A message as one line that no terminal takes for a command: what is no printable character is written as its
/// escape.
pub(super) fn one_line(text: &str) -> String {
    const LONGEST: usize = 1000;
    // Nearly every message is plain, and there may be tens of thousands.
    if text.len() <= LONGEST && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len().min(4 * LONGEST));
    for (nth, c) in text.chars().enumerate() {
        if nth == LONGEST {
            line.push('…');
            break;
        }
        if c.is_control() || is_bidi_control(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// Characters that make a text read in another order than it is written.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_one_short_line() {
        assert_eq!(one_line("a\u{1b}[31m\nb"), r"a\u{1b}[31m\nb");
        assert_eq!(one_line("\u{202e}abc"), r"\u{202e}abc");
        assert_eq!(one_line(&"é".repeat(2000)).chars().count(), 1001);
        let longest = "e".repeat(1000);
        assert_eq!((one_line(&longest), one_line(&format!("{longest}e"))), (longest.clone(), longest + "…"));
        assert_eq!(quoted(&"é".repeat(400)).chars().count(), 203);
        assert_eq!(all_quoted(["a"; 10]), "`a`, `a`, `a`, `a`, `a`, `a`, `a`, `a` and 2 more");
    }
}
