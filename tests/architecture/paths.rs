//! Finds the paths into this crate that a Rust source names. It knows just enough of the language for that: comments,
//! strings and lifetimes are skipped, `use` groups are unfolded, `super` and imported room names are resolved.

use std::collections::HashMap;

/// A path from the crate's root, without `crate`: `["oci", "Digest"]`. A glob ends in `*`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CratePath {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
}

/// Every crate path in `source`, the text of the module at `module` (`["storage", "metadata"]`).
pub(crate) fn crate_paths(module: &[String], source: &str) -> Vec<CratePath> {
    let tokens = tokenize(source);
    let mut scan =
        Scan { tokens: &tokens, scopes: Scopes::new(module), imported: HashMap::new(), found: Vec::new() };
    scan.run();
    scan.found
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    line: usize,
    text: String,
}

/// The module that a token stands in: the file's own, and the inline modules opened above the token.
struct Scopes {
    path: Vec<String>,
    depth: usize,
    /// Brace depth at which each open inline module ends.
    inline: Vec<usize>,
}

impl Scopes {
    fn new(module: &[String]) -> Self {
        Self { path: module.to_vec(), depth: 0, inline: Vec::new() }
    }

    fn open_module(&mut self, name: &str) {
        self.path.push(name.to_owned());
        self.inline.push(self.depth);
        self.depth += 1;
    }

    fn close_brace(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.inline.last() == Some(&self.depth) {
            self.inline.pop();
            self.path.pop();
        }
    }

    /// What `super` repeated `count` times names.
    fn ancestor(&self, count: usize) -> Vec<String> {
        self.path[..self.path.len().saturating_sub(count)].to_vec()
    }
}

struct Scan<'a> {
    tokens: &'a [Token],
    scopes: Scopes,
    /// `use crate::storage` lets the rest of the file say `storage::Store`.
    imported: HashMap<String, Vec<String>>,
    found: Vec<CratePath>,
}

impl Scan<'_> {
    fn run(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.step(at);
        }
    }

    /// Takes in the token at `at` and says where to go on.
    fn step(&mut self, at: usize) -> usize {
        match self.text(at) {
            "mod" if self.text(at + 2) == "{" => {
                let name = self.text(at + 1).to_owned();
                self.scopes.open_module(&name);
                return at + 3;
            }
            "{" => self.scopes.depth += 1,
            "}" => self.scopes.close_brace(),
            _ if !self.starts_a_path(at) => {}
            "crate" | "hwasm_registry" => return self.take(at, &[]),
            "super" => {
                let count = self.supers(at);
                let ancestor = self.scopes.ancestor(count);
                return self.take(at + 2 * (count - 1), &ancestor);
            }
            name => {
                if let Some(prefix) = self.imported.get(name).cloned() {
                    return self.take(at, &prefix);
                }
            }
        }
        at + 1
    }

    fn starts_a_path(&self, at: usize) -> bool {
        self.text(at + 1) == "::" && (at == 0 || self.text(at - 1) != "::")
    }

    fn supers(&self, at: usize) -> usize {
        (0..self.tokens.len()).take_while(|n| self.text(at + 2 * n) == "super").count()
    }

    /// Follows the path whose last known segment is the token at `at`, and returns the token after it.
    fn take(&mut self, at: usize, prefix: &[String]) -> usize {
        if self.text(at + 1) != "::" {
            return at + 1;
        }
        let line = self.tokens[at].line;
        self.tree(at + 2, prefix.to_vec(), line)
    }

    /// One branch of a `use` tree, or the rest of a path in an expression.
    fn tree(&mut self, mut at: usize, mut path: Vec<String>, line: usize) -> usize {
        loop {
            match self.text(at) {
                "{" => return self.group(at + 1, &path),
                "self" => {}
                segment if segment == "*" || is_identifier(segment) => path.push(segment.to_owned()),
                _ => break,
            }
            at += 1;
            if self.text(at) != "::" {
                break;
            }
            at += 1;
        }
        self.remember(at, &path);
        self.found.push(CratePath { line, segments: path });
        at
    }

    fn group(&mut self, mut at: usize, path: &[String]) -> usize {
        while at < self.tokens.len() && self.text(at) != "}" {
            let line = self.tokens[at].line;
            let next = self.tree(at, path.to_vec(), line);
            at = next.max(at + 1);
            while !matches!(self.text(at), "," | "}" | "") {
                at += 1;
            }
            if self.text(at) == "," {
                at += 1;
            }
        }
        at + 1
    }

    fn remember(&mut self, at: usize, path: &[String]) {
        let [room] = path else { return };
        let name = if self.text(at) == "as" { self.text(at + 1) } else { room };
        self.imported.insert(name.to_owned(), path.to_vec());
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Identifiers, `::` and single characters; comments, literals and white space are left out.
fn tokenize(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let line = source[..source.len() - rest.len()].matches('\n').count() + 1;
        let length = if let Some(length) = ignored(rest) {
            length
        } else {
            let length = word(rest);
            tokens.push(Token { line, text: rest[..length].to_owned() });
            length
        };
        rest = &rest[length.max(first.len_utf8())..];
    }
    tokens
}

/// The length of the comment, literal, lifetime or white space that `text` starts with.
fn ignored(text: &str) -> Option<usize> {
    if text.starts_with(char::is_whitespace) {
        return Some(text.len() - text.trim_start().len());
    }
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(block_comment(text));
    }
    string(text).or_else(|| quote(text))
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// `"…"`, `b"…"`, `r#"…"#` and their kin.
fn string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let body = text[..].strip_prefix(prefix);
        body.is_some_and(|body| body.starts_with('"') || (prefix.ends_with('r') && is_raw(body)))
    })?;
    let body = &text[prefix.len()..];
    let hashes = body.len() - body.trim_start_matches('#').len();
    let end = if prefix.ends_with('r') {
        let close = format!("\"{}", "#".repeat(hashes));
        body[hashes + 1..].find(&close).map(|at| hashes + 1 + at + close.len())
    } else {
        closing_quote(body, '"')
    };
    Some(prefix.len() + end.unwrap_or(body.len()))
}

fn is_raw(body: &str) -> bool {
    body.starts_with('#') && body.trim_start_matches('#').starts_with('"')
}

/// A character literal, or the tick of a lifetime.
fn quote(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    let mut chars = body.chars();
    let literal = match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    };
    if literal { closing_quote(text, '\'') } else { Some(1 + word(body)) }
}

fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at + 1)
    })
}

fn word(text: &str) -> usize {
    if text.starts_with("::") {
        return 2;
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    end.max(text.chars().next().map_or(0, char::len_utf8))
}
