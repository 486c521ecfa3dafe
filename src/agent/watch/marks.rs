use std::collections::BTreeMap;

use super::{Moved, Watched};

/// What each plugin's URL stood for when it was last looked at.
#[derive(Debug, Default)]
pub(super) struct Marks(BTreeMap<String, Mark>);

#[derive(Debug, PartialEq, Eq)]
struct Mark {
    url: String,
    stands_for: String,
}

impl Marks {
    /// Takes a look's answer; the plugin, if it is to be pulled again.
    ///
    /// The first look is held against what runs, each further one against the one before: what runs may be about to be
    /// replaced by a pull that began before a tag moved back. What cannot be told (`None`) may be anything.
    pub(super) fn note(&mut self, watched: &Watched, stands_for: Option<&str>) -> Option<Moved> {
        let resource = watched.pull.resource.clone();
        let Some(stands_for) = stands_for else { return Some(Moved { resource, names: None }) };
        let mark = Mark { url: watched.pull.url.to_string(), stands_for: stands_for.to_owned() };
        let runs = watched.manifest.as_ref().is_some_and(|manifest| manifest.to_string() == stands_for);
        let has_moved = match self.0.get(&resource) {
            Some(before) if before.url == mark.url => *before != mark,
            _ => !runs,
        };
        self.0.insert(resource.clone(), mark);
        has_moved.then(|| Moved { resource, names: stands_for.parse().ok() })
    }

    /// Whether the plugin was looked at under the URL that it has.
    pub(super) fn knows(&self, watched: &Watched) -> bool {
        self.0.get(&watched.pull.resource).is_some_and(|mark| mark.url == watched.pull.url.as_str())
    }

    /// Forgets what is not watched any more.
    pub(super) fn keep_only(&mut self, watched: &[Watched]) {
        self.0.retain(|resource, _| watched.iter().any(|watched| watched.pull.resource == *resource));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;
    use crate::plugin::PullPolicy;
    use crate::policy::Pull;

    fn watched(url: &str, runs: Option<&Digest>) -> Watched {
        let (policy, version) = (PullPolicy::Always, "1".to_owned());
        let pull =
            Pull { url: url.parse().unwrap(), sha256: None, policy, resource: "n.a".to_owned(), version };
        Watched { pull, secret: None, manifest: runs.cloned() }
    }

    #[test]
    fn a_plugin_is_pulled_again_once_for_each_move() {
        let [one, two] = [b"1", b"2"].map(|content| Digest::sha256(content));
        let [first, second] = [&one, &two].map(ToString::to_string);
        let (mut marks, runs_one) = (Marks::default(), watched("oci://r.io/a:1", Some(&one)));
        assert!(!marks.knows(&runs_one));
        assert_eq!(marks.note(&runs_one, Some(&first)), None, "it runs what the tag names");
        assert!(marks.knows(&runs_one));
        let moved = marks.note(&runs_one, Some(&second)).unwrap();
        assert_eq!(moved, Moved { resource: "n.a".to_owned(), names: Some(two.clone()) });
        assert_eq!(
            marks.note(&runs_one, Some(&second)),
            None,
            "once is enough, the pull tries until it works"
        );
        assert!(
            marks.note(&runs_one, Some(&first)).is_some(),
            "it moved back while what it named is being fetched"
        );
    }

    #[test]
    fn an_index_is_looked_into_once() {
        let (child, index) = (Digest::sha256(b"child"), Digest::sha256(b"index").to_string());
        let (mut marks, watched) = (Marks::default(), watched("oci://r.io/a:1", Some(&child)));
        assert!(marks.note(&watched, Some(&index)).is_some());
        assert_eq!(marks.note(&watched, Some(&index)), None);
    }

    #[test]
    fn another_url_is_another_question_and_no_answer_may_be_any() {
        let (mut marks, etag) = (Marks::default(), "\"1\"");
        assert!(marks.note(&watched("https://w.io/a", None), Some(etag)).is_some());
        assert!(marks.note(&watched("https://w.io/a", None), Some(etag)).is_none());
        assert!(!marks.knows(&watched("https://w.io/b", None)));
        assert!(marks.note(&watched("https://w.io/b", None), Some(etag)).is_some());
        assert_eq!(marks.note(&watched("https://w.io/b", None), None).unwrap().names, None);
        marks.keep_only(&[]);
        assert!(!marks.knows(&watched("https://w.io/b", None)));
    }
}
