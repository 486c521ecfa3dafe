use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_auth::ChallengeParser;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::auth::basic;
use super::call::Call;
use super::scope::Scope;
use super::transport::{Reply, Transport};
use crate::client::{Credential, Error, Secret};

/// The largest answer of a token server.
const TOKEN_LIMIT_BYTES: u64 = 1024 * 1024;
/// How long a token is good for where its server does not say (Docker's token specification, `expires_in`).
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);
/// How much earlier we ask for a new one.
const MARGIN: Duration = Duration::from_secs(10);

/// How a registry wants to be shown who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token from a token server.
    Bearer(TokenServer),
}

/// Who gives the tokens, and for which service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenServer {
    pub(super) realm: Url,
    service: Option<String>,
    /// What the registry said the refused request needs.
    pub(super) scope: Scope,
}

/// A token and how long it is good for.
#[derive(Clone, Debug)]
pub(super) struct Token {
    secret: Secret,
    expires: Instant,
}

impl Challenge {
    /// The challenge to answer among those of a 401: a token is preferred to sending the password each time.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for value in headers.get_all(header::WWW_AUTHENTICATE) {
            let Ok(text) = value.to_str() else { continue };
            for challenge in ChallengeParser::new(text).map_while(Result::ok) {
                if challenge.scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                } else if challenge.scheme.eq_ignore_ascii_case("bearer")
                    && let Some(server) = TokenServer::read(&challenge)
                {
                    return Some(Self::Bearer(server));
                }
            }
        }
        basic
    }
}

impl TokenServer {
    fn read(challenge: &http_auth::ChallengeRef<'_>) -> Option<Self> {
        let parameter = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        Some(Self {
            realm: parameter("realm")?.parse().ok()?,
            service: parameter("service"),
            scope: Scope::parse(&parameter("scope").unwrap_or_default()),
        })
    }

    /// Asks for a token that allows `scope`.
    pub(super) async fn fetch(
        &self,
        transport: &Transport,
        credential: Option<&Credential>,
        scope: &Scope,
    ) -> Result<Token, Error> {
        if let Some(Credential::IdentityToken(token)) = credential {
            let reply = transport.send(&self.oauth_call(token, scope), None).await?;
            // Token servers that know only the older way answer one of these.
            if !matches!(reply.status().as_u16(), 400 | 401 | 404 | 405) {
                return Token::read(reply).await;
            }
        }
        let authorization = credential.map(|credential| match credential {
            Credential::Password { username, password } => basic(username, password),
            Credential::IdentityToken(token) => basic("<token>", token),
        });
        let call = Call::new(Method::GET, self.url(scope));
        Token::read(transport.send(&call, authorization.as_ref()).await?).await
    }

    /// `GET realm?service=…&scope=…` (Docker's token authentication specification).
    fn url(&self, scope: &Scope) -> Url {
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(self.service.iter().map(|service| ("service", service)));
            query.extend_pairs(scope.texts().map(|text| ("scope", text)));
        }
        url
    }

    /// `POST realm` with a form (Docker's `OAuth2` token specification).
    fn oauth_call(&self, token: &Secret, scope: &Scope) -> Call {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", "hwasm-registry")
            .append_pair("service", self.service.as_deref().unwrap_or_default())
            .append_pair("scope", &scope.to_string())
            .append_pair("refresh_token", token.expose())
            .finish();
        Call::new(Method::POST, self.realm.clone())
            .with_header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .with_body(Bytes::from(form))
    }
}

impl Token {
    async fn read(reply: Reply) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Body {
            token: Option<String>,
            access_token: Option<String>,
            expires_in: Option<u64>,
        }
        let reply = reply.expect(&[StatusCode::OK]).await?;
        let no_token = reply.protocol_error("the token server's answer has no `token`");
        let body = reply.read_all("the token server's answer", TOKEN_LIMIT_BYTES).await?;
        let Ok(body) = serde_json::from_slice::<Body>(&body) else { return Err(no_token) };
        let given = [body.token, body.access_token].into_iter().flatten().find(|token| !token.is_empty());
        let lifetime = body.expires_in.map_or(DEFAULT_LIFETIME, Duration::from_secs);
        // A day is longer than any of our commands runs, and keeps absurd numbers from overflowing the clock.
        let lifetime = lifetime.clamp(DEFAULT_LIFETIME, Duration::from_hours(24));
        let secret = Secret::new(given.ok_or(no_token)?);
        Ok(Self { secret, expires: Instant::now() + lifetime - MARGIN })
    }

    /// Whether it is still good.
    pub(super) fn is_fresh(&self) -> bool {
        Instant::now() < self.expires
    }

    /// `Bearer …`, hidden from debug output.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.secret.expose())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::read(&headers)
    }

    #[test]
    fn a_token_is_preferred_among_several_challenges() {
        let bearer = r#"Bearer realm="https://auth.io/t?a=1",service="r.io",scope="repository:a:pull""#;
        for values in
            [&[bearer][..], &["Basic realm=\"x\"", bearer], &[&format!("Basic realm=\"x\", {bearer}")]]
        {
            let Some(Challenge::Bearer(server)) = challenge(values) else { panic!("{values:?}") };
            let url = server.url(&Scope::catalog()).to_string();
            assert_eq!(url, "https://auth.io/t?a=1&service=r.io&scope=registry%3Acatalog%3A*");
            assert_eq!(server.scope.to_string(), "repository:a:pull");
        }
        assert_eq!(challenge(&["BASIC realm=x"]), Some(Challenge::Basic));
        assert_eq!(challenge(&["Basic realm=\"x\"", "Bearer realm=\"not a url\""]), Some(Challenge::Basic));
        for nothing in [&[][..], &["Negotiate"], &["Bearer service=x"], &["%%%"]] {
            assert_eq!(challenge(nothing), None, "{nothing:?}");
        }
    }
}
