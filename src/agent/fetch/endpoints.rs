use std::sync::Arc;
use std::time::Duration;

use crate::agent::cache::{Identity, ModuleCache};
use crate::client::{self, Credentials, Options, Registry, RetryPolicy, WebClient};
use crate::oci::RegistryHost;

use super::{PullError, PullSecret, PullerOptions};

/// The registries and web servers, as each plugin may reach them.
pub(super) struct Endpoints {
    options: PullerOptions,
    /// Connections and tokens, by host and by who uses them: nobody is lent another's.
    registries: moka::sync::Cache<(RegistryHost, Identity), Arc<Registry>>,
    web: Arc<WebClient>,
}

/// Who a pull asks as.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) identity: Identity,
    credentials: Credentials,
}

impl Endpoints {
    /// Registries that are kept in touch with.
    const MOST: u64 = 256;
    const IDLE: Duration = Duration::from_mins(30);

    pub(super) fn new(options: PullerOptions) -> Self {
        let registries =
            moka::sync::Cache::builder().max_capacity(Self::MOST).time_to_idle(Self::IDLE).build();
        let web = Arc::new(WebClient::new(&client_options(&options, Credentials::Anonymous)));
        Self { options, registries, web }
    }

    pub(super) fn web(&self) -> Arc<WebClient> {
        Arc::clone(&self.web)
    }

    /// Who a plugin with `secret` is to `host`. Without a secret it is whoever the agent is.
    pub(super) fn caller(
        &self,
        cache: &ModuleCache,
        host: &RegistryHost,
        secret: Option<&PullSecret>,
    ) -> Result<Caller, PullError> {
        let (identity, credentials) = match secret.map(|secret| secret.find(host)).transpose()? {
            Some(Some(credential)) => {
                let fingerprint = cache.fingerprint(host, &credential);
                (Identity::Secret(fingerprint), Credentials::Fixed(credential))
            }
            Some(None) => (Identity::Anonymous, Credentials::Anonymous),
            None => return Ok(self.agent()),
        };
        Ok(Caller { identity, credentials })
    }

    /// The agent itself.
    pub(super) fn agent(&self) -> Caller {
        let credentials = self.options.credentials.clone();
        let identity = match credentials {
            Credentials::Anonymous => Identity::Anonymous,
            _ => Identity::Agent,
        };
        Caller { identity, credentials }
    }

    pub(super) fn registry(
        &self,
        host: &RegistryHost,
        caller: &Caller,
    ) -> Result<Arc<Registry>, Arc<client::Error>> {
        let open = || {
            let plain_http = self.options.plain_http.contains(host);
            let options = client_options(&self.options, caller.credentials.clone());
            Registry::new(host.clone(), &Options { plain_http, ..options }).map(Arc::new)
        };
        let key = (host.clone(), caller.identity.clone());
        self.registries.try_get_with(key, open)
    }
}

fn client_options(options: &PullerOptions, credentials: Credentials) -> Options {
    // A server that asks for more time than there is is given up at once, with its own words.
    let longest_wait = options.retry.longest_wait.min(options.timeout);
    Options {
        plain_http: false,
        ca_file: options.ca_file.clone(),
        insecure_skip_tls_verify: false,
        credentials,
        retry: RetryPolicy { longest_wait, ..options.retry },
        node_id: options.node_id.clone(),
    }
}
