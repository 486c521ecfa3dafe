use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use super::address::forbidden_hop;
use super::scope::Scope;
use super::token::{Challenge, Token, TokenServer};
use super::transport::{Reply, Transport};
use crate::client::{Credential, Credentials, Error, Secret};
use crate::oci::RegistryHost;

/// Answers a registry's challenges, and remembers the answers.
pub(super) struct Authorizer {
    host: RegistryHost,
    /// The registry itself: where it is reached by https, its token server has to be too.
    base: Url,
    transport: Arc<Transport>,
    credentials: Credentials,
    /// The credential for the host, looked up when the registry first asks: helpers may ask the user.
    credential: OnceCell<Option<Credential>>,
    /// Held while a token is fetched, so that parallel transfers fetch one and not many.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How the registry wants to be shown who asks, once it has said so.
    challenge: Option<Challenge>,
    /// Tokens by what they allow.
    tokens: HashMap<Scope, Token>,
}

impl Authorizer {
    pub(super) fn new(
        host: RegistryHost,
        base: Url,
        transport: Arc<Transport>,
        credentials: Credentials,
    ) -> Self {
        Self { host, base, transport, credentials, credential: OnceCell::new(), state: Mutex::default() }
    }

    /// Whether the registry has asked who we are.
    pub(super) async fn was_asked(&self) -> bool {
        self.state.lock().await.challenge.is_some()
    }

    /// The `Authorization` for a request that needs `scope`, as far as the registry has asked for one.
    pub(super) async fn header(&self, scope: &Scope) -> Result<Option<HeaderValue>, Error> {
        let mut state = self.state.lock().await;
        match state.challenge.clone() {
            None => Ok(None),
            Some(Challenge::Basic) => self.basic_header().await,
            Some(Challenge::Bearer(server)) => self.token_header(&mut state, &server, scope.clone()).await,
        }
    }

    /// Another `Authorization` after `reply`, a 401, refused `used`; none where we have nothing else to show.
    pub(super) async fn renew(
        &self,
        reply: &Reply,
        scope: &Scope,
        used: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, Error> {
        let Some(challenge) = Challenge::read(reply.headers()) else { return Ok(None) };
        let mut state = self.state.lock().await;
        match challenge {
            Challenge::Basic => {
                state.challenge = Some(Challenge::Basic);
                Ok(self.basic_header().await?.filter(|header| Some(header) != used))
            }
            Challenge::Bearer(server) => {
                self.check_realm(reply, &server)?;
                let wanted = scope.clone().and(server.scope.clone());
                state.challenge = Some(Challenge::Bearer(server.clone()));
                // Somebody else may have renewed the token meanwhile; a refused one is of no use to anybody.
                state.tokens.retain(|_, token| token.header().as_ref() != used);
                self.token_header(&mut state, &server, wanted).await
            }
        }
    }

    async fn token_header(
        &self,
        state: &mut State,
        server: &TokenServer,
        wanted: Scope,
    ) -> Result<Option<HeaderValue>, Error> {
        let held = state.tokens.iter().find(|(held, token)| held.covers(&wanted) && token.is_fresh());
        if let Some((_, token)) = held {
            return Ok(token.header());
        }
        let credential = self.credential().await?;
        let token = server.fetch(&self.transport, credential, &wanted).await?;
        let header = token.header();
        state.tokens.insert(wanted, token);
        Ok(header)
    }

    async fn basic_header(&self) -> Result<Option<HeaderValue>, Error> {
        Ok(match self.credential().await? {
            Some(Credential::Password { username, password }) => Some(basic(username, password)),
            Some(Credential::IdentityToken(token)) => Some(basic("<token>", token)),
            None => None,
        })
    }

    async fn credential(&self) -> Result<Option<&Credential>, Error> {
        let found = self.credential.get_or_try_init(|| self.credentials.find(&self.host)).await?;
        Ok(found.as_ref())
    }

    /// A registry behind TLS must not have us send passwords in plain text elsewhere, and none may have us ask where only
    /// this machine could.
    fn check_realm(&self, reply: &Reply, server: &TokenServer) -> Result<(), Error> {
        if let Some(reason) = forbidden_hop(&self.base, &server.realm) {
            return Err(reply.protocol_error(format!("it names a token server that is not asked: {reason}")));
        }
        let secure = match (self.base.scheme(), server.realm.scheme()) {
            (_, "https") => true,
            (base, "http") => base == "http",
            _ => false,
        };
        if secure {
            return Ok(());
        }
        let origin = server.realm.origin().ascii_serialization();
        Err(reply.protocol_error(format!("it wants credentials sent in plain text to `{origin}`")))
    }
}

/// `Basic …` (RFC 7617), hidden from debug output.
pub(super) fn basic(username: &str, password: &Secret) -> HeaderValue {
    let encoded = STANDARD.encode(format!("{username}:{}", password.expose()));
    let mut value =
        HeaderValue::from_str(&format!("Basic {encoded}")).expect("base64 has visible ASCII letters only");
    value.set_sensitive(true);
    value
}
