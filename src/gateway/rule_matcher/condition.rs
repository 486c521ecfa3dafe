use super::criterion::Criterion;
use super::match_key::MatchValues;
use super::{ConfigureFailure, Flavour, MatchKey, Request};

/// Which requests a rule is for: those that meet every one of its criteria.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition(Vec<Criterion>);

impl Condition {
    /// What the flavour makes of a rule's match keys.
    pub(super) fn of(flavour: Flavour, values: &MatchValues) -> Result<Self, ConfigureFailure> {
        let keys = flavour.keys_that_count(&values.keys().collect::<Vec<_>>())?;
        Ok(Self(keys.into_iter().map(|key| Criterion::new(key, values.of(key))).collect()))
    }

    /// Whether the rule is for this request: how it is met, or why it is not.
    pub(super) fn compare(&self, flavour: Flavour, request: &Request) -> Result<String, String> {
        let mut met = Vec::new();
        for criterion in &self.0 {
            match criterion.compare(flavour, request) {
                Ok(how) => met.push(how),
                Err(why) => return Err(self.unmet(criterion, &met, &why)),
            }
        }
        Ok(met.join(", and "))
    }

    fn unmet(&self, criterion: &Criterion, met: &[String], why: &str) -> String {
        let other = self.0.iter().map(Criterion::key).find(|&key| key != criterion.key());
        match other {
            None => why.to_owned(),
            Some(other) if met.is_empty() => {
                format!("{why} (the rule also names `{}`, and needs both)", other.name())
            }
            Some(_) => format!("{}, but the rule needs both and {why}", met.join(", ")),
        }
    }

    /// Whether every request meets it.
    pub(super) fn is_met_by_all(&self) -> bool {
        self.0.iter().all(Criterion::is_met_by_all)
    }

    /// What a request has to meet.
    pub(super) fn criteria(&self) -> &[Criterion] {
        &self.0
    }
}

impl Flavour {
    /// The keys that this flavour goes by, of the `keys` that a rule has.
    ///
    /// Go and C++ take a route and a service together (AND), and otherwise the first key of their order, leaving out the
    /// others in silence. Rust and AssemblyScript, like Go's SDK before it left Higress's own repository, insist on one
    /// key.
    ///
    /// # Errors
    /// The module refuses a rule with these keys.
    pub fn keys_that_count(self, keys: &[MatchKey]) -> Result<Vec<MatchKey>, ConfigureFailure> {
        let order = match self {
            Self::Go => [MatchKey::Route, MatchKey::Domain, MatchKey::Service, MatchKey::RoutePrefix],
            Self::Cpp | Self::CppAuth => {
                [MatchKey::Route, MatchKey::RoutePrefix, MatchKey::Service, MatchKey::Domain]
            }
            Self::Rust | Self::AssemblyScript => return self.the_one_key(keys),
        };
        let first = order.into_iter().find(|key| keys.contains(key)).ok_or(ConfigureFailure::NoMatchKey)?;
        let both = first == MatchKey::Route && keys.contains(&MatchKey::Service);
        Ok(if both { vec![MatchKey::Route, MatchKey::Service] } else { vec![first] })
    }

    fn the_one_key(self, keys: &[MatchKey]) -> Result<Vec<MatchKey>, ConfigureFailure> {
        match keys.len() {
            0 => Err(ConfigureFailure::NoMatchKey),
            1 => Ok(keys.to_vec()),
            _ => {
                let names: Vec<_> = keys.iter().map(|key| format!("`{}`", key.name())).collect();
                Err(ConfigureFailure::SeveralMatchKeys { keys: names.join(", "), sdk: self.sdk() })
            }
        }
    }
}
