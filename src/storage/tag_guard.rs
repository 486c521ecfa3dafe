use crate::oci::{Digest, Tag};

/// What a tag has to name for a push to point it elsewhere. It is looked at in the transaction that moves the tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagGuard {
    /// The tag.
    pub tag: Tag,
    /// What it has to name.
    pub condition: TagCondition,
}

/// A condition on what a tag names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagCondition {
    /// Nothing, or what is pushed: the tag never moves.
    Settled,
    /// What the client expects.
    Expected(Expectation),
}

/// What a client expects a tag to name (RFC 9110, sections 13.1.1 and 13.1.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// `If-Match`: it names one of these.
    pub one_of: Option<Digests>,
    /// `If-None-Match`: it names none of these.
    pub none_of: Option<Digests>,
}

/// Some digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digests {
    /// All there are.
    Any,
    /// These only.
    These(Vec<Digest>),
}

impl TagCondition {
    /// Whether a tag that names `current` may name `pushed` from now on.
    pub(super) fn allows(&self, current: Option<&Digest>, pushed: &Digest) -> bool {
        match self {
            Self::Settled => current.is_none_or(|current| current == pushed),
            Self::Expected(expectation) => expectation.allows(current, pushed),
        }
    }
}

impl Expectation {
    /// A push whose answer was lost is sent again: `If-Match` holds where it has been done already, as section 13.1.1
    /// allows.
    fn allows(&self, current: Option<&Digest>, pushed: &Digest) -> bool {
        let names = |digests: &Digests| current.is_some_and(|current| digests.contain(current));
        let is_done = current == Some(pushed);
        self.one_of.as_ref().is_none_or(|expected| is_done || names(expected))
            && !self.none_of.as_ref().is_some_and(names)
    }
}

impl Digests {
    fn contain(&self, digest: &Digest) -> bool {
        match self {
            Self::Any => true,
            Self::These(digests) => digests.contains(digest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_moves_only_where_it_names_what_is_expected() {
        let [one, two, new] = [b"1", b"2", b"n"].map(|content| Digest::sha256(content));
        let these = |digests: &[&Digest]| Some(Digests::These(digests.iter().copied().cloned().collect()));
        let expected = |one_of, none_of| TagCondition::Expected(Expectation { one_of, none_of });
        // The condition, and whether it holds where the tag names nothing, `one`, `two`, and what is pushed.
        for (condition, holds) in [
            (TagCondition::Settled, [true, false, false, true]),
            (expected(None, None), [true, true, true, true]),
            (expected(these(&[&one]), None), [false, true, false, true]),
            (expected(these(&[&one, &two]), None), [false, true, true, true]),
            (expected(these(&[]), None), [false, false, false, true]),
            (expected(Some(Digests::Any), None), [false, true, true, true]),
            (expected(None, Some(Digests::Any)), [true, false, false, false]),
            (expected(None, these(&[&one])), [true, false, true, true]),
            (expected(Some(Digests::Any), these(&[&one])), [false, false, true, true]),
        ] {
            let named = [None, Some(&one), Some(&two), Some(&new)];
            assert_eq!(named.map(|current| condition.allows(current, &new)), holds, "{condition:?}");
        }
    }
}
