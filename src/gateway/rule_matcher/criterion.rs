use super::domain::{DomainPattern, without_port};
use super::service::Cluster;
use super::{Flavour, MatchKey, Request, Trap};

/// How many values of a rule a sentence names before it only counts the rest.
const NAMED_VALUES: usize = 8;

/// One match key that a rule goes by. A request meets it that has one of the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Criterion {
    key: MatchKey,
    values: Vec<String>,
}

impl Criterion {
    pub(super) fn new(key: MatchKey, values: &[String]) -> Self {
        Self { key, values: values.to_vec() }
    }

    pub(super) fn key(&self) -> MatchKey {
        self.key
    }

    pub(super) fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether every request meets it: the domain `*`, and the empty route prefix, which only C++ keeps.
    pub(super) fn is_met_by_all(&self) -> bool {
        match self.key {
            MatchKey::Domain => self.find(|pattern| pattern == "*").is_some(),
            MatchKey::RoutePrefix => self.find(str::is_empty).is_some(),
            MatchKey::Route | MatchKey::Service => false,
        }
    }

    /// How the request meets it, or why it does not.
    pub(super) fn compare(&self, flavour: Flavour, request: &Request) -> Result<String, String> {
        match self.key {
            MatchKey::Route => self.compare_route(&request.route),
            MatchKey::RoutePrefix => self.compare_route_prefix(&request.route),
            MatchKey::Domain => self.compare_domain(request.authority.as_deref().unwrap_or_default()),
            MatchKey::Service => self.compare_service(flavour, &request.cluster),
        }
    }

    fn compare_route(&self, route: &str) -> Result<String, String> {
        match self.find(|name| name == route) {
            Some(_) => Ok(format!("the route is `{route}`")),
            None if route.is_empty() => {
                Err(format!("the request has no route, so not {}", self.values_but_for("")))
            }
            None => Err(format!("the route is `{route}`, not {}", self.values_but_for(route))),
        }
    }

    fn compare_route_prefix(&self, route: &str) -> Result<String, String> {
        match self.find(|prefix| route.starts_with(prefix)) {
            Some(prefix) => Ok(format!("the route `{route}` begins with `{prefix}`")),
            None => Err(format!("the route `{route}` does not begin with {}", self.values_but_for(route))),
        }
    }

    fn compare_domain(&self, authority: &str) -> Result<String, String> {
        let host = without_port(authority);
        match self.find(|pattern| DomainPattern::parse(pattern).matches(host)) {
            Some(pattern) => Ok(format!("the host `{host}` matches `{pattern}`")),
            None => Err(format!("the host `{host}` does not match {}", self.values_but_for(host))),
        }
    }

    fn compare_service(&self, flavour: Flavour, name: &str) -> Result<String, String> {
        let Some(cluster) = Cluster::parse(name) else {
            if name.is_empty() {
                return Err(format!("the request has no cluster, so not {}", self.values_but_for("")));
            }
            return Err(format!(
                "the cluster name `{name}` has not the four parts `direction|port|subset|fqdn`, so no service matches"
            ));
        };
        let Cluster { fqdn, port } = cluster;
        match self.find(|service| cluster.is(flavour, service)) {
            Some(service) => Ok(format!("the service is `{service}`")),
            None => {
                Err(format!("the service is `{fqdn}` on port `{port}`, not {}", self.values_but_for(fqdn)))
            }
        }
    }

    fn find(&self, is_met_by: impl Fn(&str) -> bool) -> Option<&str> {
        self.values.iter().map(String::as_str).find(|value| is_met_by(value))
    }

    /// The values, each with what there is to know about why it is not the request's.
    fn values_but_for(&self, actual: &str) -> String {
        let named = self.values.iter().take(NAMED_VALUES).map(|value| self.value_but_for(value, actual));
        let named = named.collect::<Vec<_>>().join(" or ");
        match self.values.len().saturating_sub(NAMED_VALUES) {
            0 => named,
            more => format!("{named} or {more} more"),
        }
    }

    fn value_but_for(&self, value: &str, actual: &str) -> String {
        match Trap::of(self.key, value)
            .map(|trap| trap.explain(value))
            .or_else(|| self.near_miss(value, actual))
        {
            Some(why) => format!("`{value}` ({why})"),
            None => format!("`{value}`"),
        }
    }

    /// Why a value is not the request's although it looks like it.
    fn near_miss(&self, value: &str, actual: &str) -> Option<String> {
        if self.key == MatchKey::Domain && value.strip_prefix("*.").is_some_and(|parent| parent == actual) {
            return Some("it covers the names below, not the name itself".to_owned());
        }
        if value == actual {
            // Only a service can be the request's and not match.
            return Some("a colon makes it a name and a port to this SDK".to_owned());
        }
        let same_but_for_case = match self.key {
            MatchKey::Domain => DomainPattern::parse(&value.to_lowercase()).matches(&actual.to_lowercase()),
            MatchKey::RoutePrefix => actual.to_lowercase().starts_with(&value.to_lowercase()),
            MatchKey::Route | MatchKey::Service => value.to_lowercase() == actual.to_lowercase(),
        };
        same_but_for_case.then(|| "letter case counts".to_owned())
    }
}
