use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use crate::client::Credential;
use crate::oci::{Algorithm, Digester, RegistryHost};
use crate::policy::ModuleKey;

use super::CacheLimits;

/// Who asks a registry for a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::agent) enum Identity {
    /// Nobody.
    Anonymous,
    /// Whoever the agent's own credential files say.
    Agent,
    /// A plugin's pull secret.
    Secret(Fingerprint),
}

/// What stands for a credential without telling it: a hash that is salted for each cache.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::agent) struct Fingerprint(Box<str>);

/// How it was proved that somebody may have a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agent) enum Proof {
    /// The module was fetched so.
    Fetched,
    /// The registry said so.
    Checked,
}

/// Whether somebody may have a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agent) enum Standing {
    /// Yes.
    Granted,
    /// The registry said so a while ago, and is to be asked again; where it cannot be, that still counts.
    Stale,
    /// Nobody knows; the registry is to be asked.
    Unknown,
}

/// Who may have which module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grants(BTreeMap<ModuleKey, BTreeMap<Identity, Grant>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) proof: Proof,
    pub(super) at: SystemTime,
}

impl Grants {
    /// How long the registry's word is good.
    pub(super) const FRESH: Duration = Duration::from_hours(1);
    /// How long it counts where the registry cannot be asked.
    pub(super) const STALE: Duration = Duration::from_hours(24);

    pub(super) fn standing(&self, key: &ModuleKey, who: &Identity, now: SystemTime) -> Standing {
        let Some(granted) = self.0.get(key) else { return Standing::Unknown };
        let of = |who| granted.get(who).map_or(Standing::Unknown, |grant| grant.standing(now));
        // What nobody has to say who they are for, everybody may have.
        match (of(&Identity::Anonymous), of(who)) {
            (Standing::Granted, _) | (_, Standing::Granted) => Standing::Granted,
            (_, own) => own,
        }
    }

    pub(super) fn grant(&mut self, key: &ModuleKey, who: &Identity, grant: Grant) {
        let granted = self.0.entry(key.clone()).or_default();
        // A look does not take away what a fetch has proved.
        if granted.get(who).is_some_and(|known| known.proof == Proof::Fetched) {
            return;
        }
        granted.insert(who.clone(), grant);
        while granted.len() > CacheLimits::IDENTITIES {
            let oldest = granted.iter().min_by_key(|(_, grant)| grant.at).map(|(who, _)| who.clone());
            oldest.map(|oldest| granted.remove(&oldest));
        }
    }

    pub(super) fn revoke(&mut self, key: &ModuleKey, who: &Identity) {
        if let Some(granted) = self.0.get_mut(key) {
            granted.remove(who);
        }
    }

    pub(super) fn retain(&mut self, wanted: impl Fn(&ModuleKey) -> bool) {
        self.0.retain(|key, granted| wanted(key) && !granted.is_empty());
    }

    pub(super) fn of(&self, key: &ModuleKey) -> impl Iterator<Item = (&Identity, Grant)> {
        self.0.get(key).into_iter().flatten().map(|(who, grant)| (who, *grant))
    }
}

impl Grant {
    fn standing(self, now: SystemTime) -> Standing {
        // A clock that was set back makes nothing old.
        let age = now.duration_since(self.at).unwrap_or_default();
        match self.proof {
            Proof::Fetched => Standing::Granted,
            Proof::Checked if age <= Grants::FRESH => Standing::Granted,
            Proof::Checked if age <= Grants::STALE => Standing::Stale,
            Proof::Checked => Standing::Unknown,
        }
    }
}

impl Fingerprint {
    pub(super) fn of(salt: &str, host: &RegistryHost, credential: &Credential) -> Self {
        let (kind, username, secret) = match credential {
            Credential::Password { username, password } => ("password", username.as_str(), password),
            Credential::IdentityToken(token) => ("token", "", token),
        };
        let mut digester = Digester::new(Algorithm::Sha256);
        for part in [salt, host.as_str(), kind, username, secret.expose()] {
            digester.update(&(part.len() as u64).to_be_bytes());
            digester.update(part.as_bytes());
        }
        Self(digester.finish().hex().into())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Agent => f.write_str("agent"),
            Self::Secret(Fingerprint(hex)) => write!(f, "secret:{hex}"),
        }
    }
}

/// A text that names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `anonymous`, `agent` or `secret:` and a fingerprint")]
pub(in crate::agent) struct UnknownIdentity;

impl FromStr for Identity {
    type Err = UnknownIdentity;

    fn from_str(text: &str) -> Result<Self, UnknownIdentity> {
        match text.split_once(':') {
            None if text == "anonymous" => Ok(Self::Anonymous),
            None if text == "agent" => Ok(Self::Agent),
            Some(("secret", hex)) => Ok(Self::Secret(Fingerprint(hex.into()))),
            _ => Err(UnknownIdentity),
        }
    }
}

impl FromStr for Proof {
    type Err = UnknownIdentity;

    fn from_str(text: &str) -> Result<Self, UnknownIdentity> {
        match text {
            "fetched" => Ok(Self::Fetched),
            "checked" => Ok(Self::Checked),
            _ => Err(UnknownIdentity),
        }
    }
}

impl Proof {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Checked => "checked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;
    use crate::policy::ModuleName;

    fn key() -> ModuleKey {
        let name = ModuleName::of(&"oci://r.io/p".parse().unwrap());
        ModuleKey { name, checksum: Digest::sha256(b"manifest") }
    }

    fn at(minutes: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_mins(minutes)
    }

    fn secret(name: &str) -> Identity {
        Identity::Secret(Fingerprint(name.into()))
    }

    #[test]
    fn a_fetch_proves_for_ever_and_a_look_for_a_while() {
        let mut grants = Grants::default();
        grants.grant(&key(), &secret("a"), Grant { proof: Proof::Fetched, at: at(0) });
        grants.grant(&key(), &secret("a"), Grant { proof: Proof::Checked, at: at(0) });
        grants.grant(&key(), &secret("b"), Grant { proof: Proof::Checked, at: at(0) });
        for (who, minutes, expected) in [
            (secret("a"), 100_000, Standing::Granted),
            (secret("b"), 60, Standing::Granted),
            (secret("b"), 61, Standing::Stale),
            (secret("b"), 24 * 60 + 1, Standing::Unknown),
            (secret("c"), 0, Standing::Unknown),
            (Identity::Anonymous, 0, Standing::Unknown),
        ] {
            assert_eq!(grants.standing(&key(), &who, at(minutes)), expected, "{who} at {minutes}");
        }
        grants.grant(&key(), &Identity::Anonymous, Grant { proof: Proof::Fetched, at: at(0) });
        assert_eq!(grants.standing(&key(), &secret("c"), at(0)), Standing::Granted);
    }

    #[test]
    fn grants_do_not_grow_without_bound() {
        let mut grants = Grants::default();
        for n in 0..1000 {
            grants.grant(&key(), &secret(&n.to_string()), Grant { proof: Proof::Checked, at: at(n) });
        }
        assert_eq!(grants.of(&key()).count(), CacheLimits::IDENTITIES);
        assert_eq!(grants.standing(&key(), &secret("999"), at(999)), Standing::Granted);
        assert_eq!(grants.standing(&key(), &secret("0"), at(0)), Standing::Unknown);
    }

    #[test]
    fn a_fingerprint_tells_credentials_apart_and_nothing_of_them() {
        let host = "r.io".parse().unwrap();
        let of = |salt, user: &str, password: &str| {
            Fingerprint::of(salt, &host, &Credential::password(user, password))
        };
        assert_eq!(of("s", "ada", "pw"), of("s", "ada", "pw"));
        for other in [of("t", "ada", "pw"), of("s", "ada", "px"), of("s", "adap", "w")] {
            assert_ne!(other, of("s", "ada", "pw"));
        }
        let identity = Identity::Secret(of("s", "ada", "pw"));
        assert!(!identity.to_string().contains("pw"));
        assert_eq!(identity.to_string().parse(), Ok(identity));
    }
}
