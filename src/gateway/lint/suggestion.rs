//! The name that was probably meant.

/// The name among `known` that is nearest to `given`, where one is near enough to be a slip of the pen.
pub(super) fn nearest(given: &str, known: impl IntoIterator<Item = &'static str>) -> Option<&'static str> {
    // Longer than any name; the distance costs the product of both lengths.
    const LONGEST: usize = 64;
    if given.len() > LONGEST {
        return None;
    }
    let lower = given.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&lower, &name.to_lowercase());
    let near = known.into_iter().map(|name| (distance(name), name)).min()?;
    // A third of the letters may be wrong: `domains` is `domain`, `body` is not `url`.
    (near.0 * 3 <= near.1.len().max(3)).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let known = ["url", "sha256", "imagePullPolicy", "domain"];
        for (given, expected) in [
            ("URL", Some("url")),
            ("urls", Some("url")),
            ("sha265", Some("sha256")),
            ("imagepullpolicy", Some("imagePullPolicy")),
            ("domains", Some("domain")),
            ("hosts", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, known), expected, "{given}");
        }
        assert_eq!(nearest(&"x".repeat(1000), known), None);
    }
}
