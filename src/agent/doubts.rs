use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::oci::Digest;

/// How long a module's file is not looked at again, however many Envoys refuse it: it is read whole each time.
const CHECK_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The modules whose files were looked at because an Envoy refused them.
#[derive(Debug, Default)]
pub(super) struct Doubts(BTreeMap<Digest, Instant>);

impl Doubts {
    /// Those of `refused` to be looked at now.
    pub(super) fn raise(&mut self, refused: BTreeSet<Digest>, now: Instant) -> BTreeSet<Digest> {
        self.0.retain(|_, checked| now.saturating_duration_since(*checked) < CHECK_AGAIN_AFTER);
        let due: BTreeSet<Digest> =
            refused.into_iter().filter(|module| !self.0.contains_key(module)).collect();
        self.0.extend(due.iter().map(|module| (module.clone(), now)));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_looked_at_once_in_a_while() {
        let [one, two] = [b"1", b"2"].map(|content| Digest::sha256(content));
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        let (first, both) = (BTreeSet::from([one.clone()]), BTreeSet::from([one, two.clone()]));
        assert_eq!(doubts.raise(first.clone(), now), first);
        assert_eq!(doubts.raise(both, now + Duration::from_secs(9)), BTreeSet::from([two]));
        assert_eq!(doubts.raise(first.clone(), now + CHECK_AGAIN_AFTER), first);
        assert_eq!(doubts.0.len(), 2);
        doubts.raise(BTreeSet::new(), now + CHECK_AGAIN_AFTER * 2);
        assert_eq!(doubts.0.len(), 0, "what is long past is forgotten");
    }
}
