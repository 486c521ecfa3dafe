use std::fmt::Display;
use std::str::FromStr;

use http::Uri;

use crate::gateway::{GatewaySelector, GatewaySettings};
use crate::server::installation::Installation;
use crate::server::page::{Query, excerpt};
use crate::server::problem::Problem;

/// The parameters of one request, all of them known to the verb.
pub(super) struct Parameters<'a>(Query<'a>);

impl<'a> Parameters<'a> {
    /// What a request may say of the Higress installation: the controller's namespace, and the label of the gateway's
    /// pods.
    pub(super) const INSTALLATION: &'static [&'static str] = &["namespace", "gateway-selector"];

    /// Reads the query; a parameter that is in none of the groups `known` is refused.
    pub(super) fn of(uri: &'a Uri, known: &[&[&str]]) -> Result<Self, Problem> {
        let query = Query::of(uri);
        let is_known = |name: &str| known.iter().any(|group| group.contains(&name));
        let unknown = query.names().find(|name| !is_known(name)).map(excerpt);
        match unknown {
            None => Ok(Self(query)),
            Some(unknown) => {
                let known = known.concat().join("`, `");
                Err(Problem::invalid_request(format!(
                    "there is no parameter `{unknown}` here; expected one of `{known}`"
                )))
            }
        }
    }

    /// The one value of a parameter, if it is given.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.all(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(Problem::invalid_request(format!("`{name}` is given more than once")));
        }
        Ok(first)
    }

    /// The one value of a parameter, if it is given, as what it stands for.
    pub(super) fn value<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.text(name)?.map(|text| parse(name, text)).transpose()
    }

    /// Every value of a parameter that may be given several times.
    pub(super) fn values<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Vec<T>, Problem> {
        self.0.all(name).map(|text| parse(name, text)).collect()
    }

    /// Whether a switch is on: `?name` and `?name=true` say so.
    pub(super) fn switch(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name)? {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(other) => {
                let other = excerpt(other);
                Err(Problem::invalid_request(format!("`{name}` is `{other}`, expected `true` or `false`")))
            }
        }
    }

    /// The Higress installation that is meant: the server's, but for what is given.
    pub(super) fn gateway_settings(&self, installation: &Installation) -> Result<GatewaySettings, Problem> {
        let mut settings = installation.settings();
        if let Some(namespace) = self.text("namespace")? {
            namespace.clone_into(&mut settings.namespace);
        }
        if let Some(selector) = self.value::<GatewaySelector>("gateway-selector")? {
            settings.gateway_selector = Some(selector);
        }
        Ok(settings)
    }
}

fn parse<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::invalid_request(format!("`{name}`: {error}")))
}
