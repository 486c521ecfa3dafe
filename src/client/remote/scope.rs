use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::oci::RepositoryName;

/// What a token is to allow: actions for each resource, such as `repository:team/a:pull,push`.
///
/// A scope may name several resources: a mount needs `pull` at its source besides `pull,push` at its destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Scope(BTreeMap<String, BTreeSet<String>>);

impl Scope {
    /// To read a repository.
    pub(super) fn pull(repository: &RepositoryName) -> Self {
        Self::one(format!("repository:{repository}"), &["pull"])
    }

    /// To write a repository, which is read too on the way.
    pub(super) fn push(repository: &RepositoryName) -> Self {
        Self::one(format!("repository:{repository}"), &["pull", "push"])
    }

    /// To delete from a repository.
    pub(super) fn delete(repository: &RepositoryName) -> Self {
        Self::one(format!("repository:{repository}"), &["delete", "pull"])
    }

    /// To list repositories.
    pub(super) fn catalog() -> Self {
        Self::one("registry:catalog".to_owned(), &["*"])
    }

    fn one(resource: String, actions: &[&str]) -> Self {
        Self(BTreeMap::from([(resource, actions.iter().map(|&action| action.to_owned()).collect())]))
    }

    /// Reads the `scope` of a challenge: space separated, each `type:name:actions`.
    pub(super) fn parse(text: &str) -> Self {
        let parsed = text.split_whitespace().filter_map(|part| {
            let (resource, actions) = part.rsplit_once(':')?;
            Some((resource.to_owned(), actions.split(',').map(str::to_owned).collect()))
        });
        Self(parsed.collect())
    }

    /// This scope and `other`.
    #[must_use]
    pub(super) fn and(mut self, other: Self) -> Self {
        for (resource, actions) in other.0 {
            self.0.entry(resource).or_default().extend(actions);
        }
        self
    }

    /// Whether a token for this scope serves where `other` is needed.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let covered = |(resource, actions): (&String, &BTreeSet<String>)| {
            self.0.get(resource).is_some_and(|held| actions.is_subset(held))
        };
        other.0.iter().all(covered)
    }

    /// One text for each resource, as token servers take them.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(resource, actions)| {
            let actions: Vec<_> = actions.iter().map(String::as_str).collect();
            format!("{resource}:{}", actions.join(","))
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_join_cover_and_print() {
        let (a, b) = ("team/a".parse().unwrap(), "b".parse().unwrap());
        let mount = Scope::push(&a).and(Scope::pull(&b));
        assert_eq!(mount.to_string(), "repository:b:pull repository:team/a:pull,push");
        assert!(mount.covers(&Scope::pull(&a)) && mount.covers(&Scope::default()));
        assert!(!mount.covers(&Scope::push(&b)) && !mount.covers(&Scope::delete(&a)));
        assert_eq!(Scope::parse("repository:b:pull repository:team/a:push,pull"), mount);
        assert_eq!(Scope::parse("registry:catalog:*"), Scope::catalog());
        assert_eq!(Scope::parse("nonsense"), Scope::default());
    }
}
