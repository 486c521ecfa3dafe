use super::auth::AuthRule;
use super::rule::Then;
use super::{AuthCheck, Decision, Flavour, Global, Outcome, PassedOver, Request, RuleMatcher};

impl RuleMatcher {
    /// Which configuration the plugin runs this request with.
    pub fn decide(&self, request: &Request) -> Decision {
        if let Some(outcome) = self.without_host(request) {
            return self.decision(outcome, Vec::new(), None);
        }
        let mut passed_over = Vec::new();
        for (index, slot) in self.rules.iter().enumerate() {
            match slot.compare(self.flavour, request) {
                Ok((rule, because)) => {
                    let (outcome, auth) = self.by_rule(index, &rule.then, because);
                    return self.decision(outcome, passed_over, auth);
                }
                Err(reason) => passed_over.push(PassedOver { rule: index, reason }),
            }
        }
        self.by_no_rule(passed_over)
    }

    /// Go's SDK fails on a request without `:authority`; AssemblyScript's finds no configuration, also where
    /// it is empty; to C++ and Rust the host is the empty text then.
    fn without_host(&self, request: &Request) -> Option<Outcome> {
        let authority = request.authority.as_deref();
        match self.flavour {
            Flavour::Go if authority.is_none() => Some(Outcome::LookupFailed {
                reason: "the request has no `:authority`, and the Go SDK looks for no configuration without"
                    .to_owned(),
            }),
            Flavour::AssemblyScript if authority.is_none_or(str::is_empty) => Some(Outcome::Idle {
                reason:
                    "the request has no `:authority`, and the AssemblyScript SDK has no configuration for it"
                        .to_owned(),
            }),
            _ => None,
        }
    }

    fn by_rule(&self, rule: usize, then: &Then, because: String) -> (Outcome, Option<AuthCheck>) {
        let global = self.global.config();
        let (config, check) = match then {
            Then::Run(config) => (Some(config), None),
            Then::Authenticate(AuthRule::Local(config)) => {
                (Some(config), Some(AuthCheck::of(Some(config), None, self.global_auth)))
            }
            Then::Authenticate(AuthRule::Allow(allow)) => {
                (global, Some(AuthCheck::of(global, Some(allow), self.global_auth)))
            }
            Then::Disable => {
                let check = self.auth_passes("the matched rule has `_disable_`");
                return (Outcome::Disabled { rule, because }, check);
            }
        };
        (Outcome::Rule { rule, because, config: config.cloned() }, check)
    }

    fn by_no_rule(&self, passed_over: Vec<PassedOver>) -> Decision {
        if self.flavour == Flavour::CppAuth && !self.rules.is_empty() && self.global_auth != Some(true) {
            let reason = "no rule is for the request, and `global_auth` is not true";
            let outcome = Outcome::Idle { reason: reason.to_owned() };
            return self.decision(outcome, passed_over, self.auth_passes(reason));
        }
        let check = (self.flavour == Flavour::CppAuth)
            .then(|| AuthCheck::of(self.global.config(), None, self.global_auth));
        let outcome = match &self.global {
            Global::Config(config) => Outcome::Global { config: config.clone() },
            Global::None(why) => Outcome::Idle { reason: why.clone() },
            Global::Refused(refusal) => {
                Outcome::Idle { reason: format!("the plugin refuses the global configuration: {refusal}") }
            }
        };
        self.decision(outcome, passed_over, check)
    }

    fn auth_passes(&self, reason: &str) -> Option<AuthCheck> {
        (self.flavour == Flavour::CppAuth).then(|| AuthCheck::Passes { reason: reason.to_owned() })
    }

    fn decision(&self, outcome: Outcome, passed_over: Vec<PassedOver>, auth: Option<AuthCheck>) -> Decision {
        Decision { flavour: self.flavour, outcome, passed_over, auth }
    }
}
