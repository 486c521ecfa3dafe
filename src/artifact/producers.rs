use serde::Serialize;
use wasm_metadata::Producers;

/// A tool that says in the module that it worked on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Producer {
    /// Its name, such as `rustc`.
    pub name: String,
    /// Its version as it states it; empty where it states none.
    pub version: String,
}

/// The longest text taken over from a module; longer ones are cut.
const LONGEST: usize = 120;

/// The most tools taken over from a module.
const MOST: usize = 16;

/// The tools of `processed-by` and `sdk`, in the order written.
pub(super) fn toolchain(producers: &Producers) -> Vec<Producer> {
    let field = |name| producers.get(name).into_iter().flat_map(|field| owned(field.iter()));
    field("processed-by").chain(field("sdk")).take(MOST).collect()
}

fn owned<'a>(values: impl Iterator<Item = (&'a String, &'a String)>) -> Vec<Producer> {
    let cut = |text: &str| text.chars().take(LONGEST).collect();
    values.take(MOST).map(|(name, version)| Producer { name: cut(name), version: cut(version) }).collect()
}

/// The language the module was written in, or `None` where nothing in the module says so.
///
/// A module often names several: C comes with a linked libc, so any other language wins over it. `TinyGo` files its
/// output under C, and is known by its own name among the tools.
pub(super) fn language(producers: &Producers) -> Option<String> {
    if toolchain(producers).iter().any(|tool| tool.name == "TinyGo") {
        return Some("Go".to_owned());
    }
    let field = producers.get("language")?;
    let named: Vec<_> = field.iter().map(|(name, _)| plain(name)).collect();
    named.iter().find(|name| *name != "C").or(named.first()).cloned()
}

/// The name people use: LLVM writes `C_plus_plus_14` and `C11`.
fn plain(name: &str) -> String {
    if name.starts_with("C_plus_plus") || name.starts_with("C++") {
        return "C++".to_owned();
    }
    let is_c = name.strip_prefix('C').is_some_and(|year| year.bytes().all(|byte| byte.is_ascii_digit()));
    if is_c { "C".to_owned() } else { name.chars().take(LONGEST).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn producers(fields: &[(&str, &str, &str)]) -> Producers {
        let mut producers = Producers::empty();
        for (field, name, version) in fields {
            producers.add(field, name, version);
        }
        producers
    }

    #[test]
    fn the_language_is_the_one_people_would_name() {
        let cases: [(&[_], Option<&str>); 8] = [
            (&[("language", "Rust", "")], Some("Rust")),
            (&[("language", "C11", ""), ("language", "Rust", "")], Some("Rust")),
            (&[("language", "C_plus_plus_14", ""), ("language", "C99", "")], Some("C++")),
            (&[("language", "C11", "")], Some("C")),
            (&[("language", "Go", "go1.24")], Some("Go")),
            (&[("language", "C99", ""), ("processed-by", "TinyGo", "0.34")], Some("Go")),
            (&[("processed-by", "clang", "14")], None),
            (&[], None),
        ];
        for (fields, expected) in cases {
            assert_eq!(language(&producers(fields)).as_deref(), expected, "{fields:?}");
        }
    }

    #[test]
    fn tools_are_listed_with_their_versions_and_bounded() {
        let known = producers(&[("sdk", "proxy-wasm", "0.2"), ("processed-by", "rustc", "1.95.0")]);
        let names: Vec<_> = toolchain(&known).into_iter().map(|tool| tool.name).collect();
        assert_eq!(names, ["rustc", "proxy-wasm"]);
        let mut many = Producers::empty();
        for number in 0..100 {
            many.add("processed-by", &format!("{}{number}", "x".repeat(500)), "1");
        }
        assert_eq!(toolchain(&many).len(), MOST);
        assert!(toolchain(&many).iter().all(|tool| tool.name.len() <= LONGEST));
    }
}
