use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use url::Url;

use crate::agent::Swept;
use crate::agent::cache::{Identity, ModuleCache, Proof, Staged};
use crate::client;
use crate::oci::{Digest, ImageReference, RegistryHost};
use crate::plugin::ModuleSource;
use crate::policy::{Action, Arrival, Change, Decision, Found, ModuleKey, Pull};

use super::download::Downloads;
use super::endpoints::Endpoints;
use super::errand::Errand;
use super::flights::{Flights, Joins};
use super::image::{self, ResolvedImage};
use super::metrics::{Conversion, Lookup};
use super::{FetchResult, PullAction, PullError, PullMetrics, PullSecret, Pulled, PullerOptions};

/// Pulls modules into a [`ModuleCache`].
pub struct Puller {
    pub(in crate::agent) cache: Arc<ModuleCache>,
    pub(super) endpoints: Endpoints,
    downloads: Arc<Downloads>,
    metrics: Arc<PullMetrics>,
    pub(super) timeout: Duration,
    /// Manifests that are asked for.
    images: Flights<(RegistryHost, String, Identity), Result<Arc<ResolvedImage>, PullError>>,
    /// Layers that are fetched.
    layers: Flights<(ModuleKey, Identity), Result<Arc<Staged>, PullError>>,
    /// Files of web servers that are fetched.
    files: Flights<Url, Result<Arc<Staged>, PullError>>,
    /// Questions whether somebody may have a module.
    pub(super) looks: Flights<(ModuleKey, Identity), Result<(), Arc<client::Error>>>,
}

impl Puller {
    /// A puller into `cache`, without connections yet.
    pub fn new(cache: Arc<ModuleCache>, options: PullerOptions) -> Self {
        let downloads = Arc::new(Downloads::new(Arc::clone(&cache), options.module_bytes));
        let metrics = Arc::new(PullMetrics::default());
        metrics.set_entries(cache.size().0);
        let timeout = options.timeout;
        Self {
            cache,
            endpoints: Endpoints::new(options),
            downloads,
            metrics,
            timeout,
            images: Flights::default(),
            layers: Flights::default(),
            files: Flights::default(),
            looks: Flights::default(),
        }
    }

    /// What was counted.
    pub fn metrics(&self) -> &Arc<PullMetrics> {
        &self.metrics
    }

    /// The module that `pull` asks for, as a file that stays as long as it is live.
    ///
    /// `secret` is the one that the plugin names; where it names none, the agent's own credentials count. Dropping the
    /// answer half way leaves nothing behind, and does not disturb others who wait for the same.
    ///
    /// # Errors
    /// Nothing is remembered of a pull that fails: the same pull tries again.
    pub async fn pull(&self, pull: &Pull, secret: Option<&PullSecret>) -> Result<Pulled, PullError> {
        let began = Instant::now();
        let pulled = tokio::time::timeout(self.timeout, self.run(pull, secret)).await;
        let pulled = pulled.unwrap_or(Err(PullError::TimedOut(self.timeout)));
        let result = match &pulled {
            Ok(Pulled { action: PullAction::Fetched, .. }) => Some(FetchResult::Success),
            Ok(_) => None,
            Err(error) => error.result(),
        };
        if let Some(result) = result {
            self.metrics.fetched(result);
        }
        let conversion = match &pulled {
            Ok(Pulled { action: PullAction::Local, .. }) => Conversion::NoRemoteLoad,
            Ok(_) => Conversion::Success,
            Err(_) => Conversion::FetchFailure,
        };
        self.metrics.converted(conversion, began.elapsed());
        self.metrics.set_entries(self.cache.size().0);
        pulled
    }

    /// Sweeps the cache, as [`ModuleCache::sweep`] does, and counts what is left.
    pub async fn sweep(&self) -> Swept {
        let swept = self.cache.sweep(SystemTime::now()).await;
        self.metrics.set_entries(self.cache.size().0);
        swept
    }

    async fn run(&self, pull: &Pull, secret: Option<&PullSecret>) -> Result<Pulled, PullError> {
        loop {
            let Decision { action, reason, changes } = self.cache.decide(pull, SystemTime::now());
            let errand = Errand { pull, secret, reason };
            let lookup = if matches!(action, Action::Hit { .. }) { Lookup::Hit } else { Lookup::Miss };
            if !matches!(action, Action::Local) {
                self.metrics.looked_up(lookup);
            }
            return match action {
                Action::Local => errand.local().await,
                Action::Refuse => Err(PullError::Refused(reason)),
                Action::Resolve => self.fetch(errand, None).await,
                Action::Fetch { expects } => self.fetch(errand, expects.as_ref()).await,
                Action::Hit { key, content } => {
                    self.authorize(errand, &key).await?;
                    match self.cache.find(&content, SystemTime::now()).await {
                        Some(path) => Ok(self.remember(changes, errand.hit(path, &content, key)).await),
                        // It is forgotten now, so that the decision is another one.
                        None => continue,
                    }
                }
            };
        }
    }

    async fn remember(&self, changes: Vec<Change>, pulled: Pulled) -> Pulled {
        self.cache.apply(changes);
        self.cache.save().await;
        pulled
    }

    async fn fetch(&self, errand: Errand<'_>, expects: Option<&Digest>) -> Result<Pulled, PullError> {
        match errand.pull.url.source() {
            ModuleSource::Oci(image) => self.fetch_image(errand, image, expects).await,
            ModuleSource::Http(url) => self.fetch_file(errand, url, expects).await,
            ModuleSource::File(_) => errand.local().await,
        }
    }

    async fn fetch_image(
        &self,
        errand: Errand<'_>,
        image: &ImageReference,
        expects: Option<&Digest>,
    ) -> Result<Pulled, PullError> {
        let (caller, remote) = self.caller(errand.secret, image)?;
        let (reference, who) = (image.reference(), &caller.identity);
        let flight = (image.registry.clone(), format!("{} {reference}", image.repository), who.clone());
        let asked = remote.clone();
        let resolved = self.images.join(flight, errand.joins(), || image::resolve(asked, reference)).await?;
        let key = match self.arrive(errand, expects, &resolved.found).await? {
            Landing::Present(key, pulled) => {
                self.grant(&key, who, Proof::Checked, resolved.audience);
                self.cache.save().await;
                return Ok(pulled);
            }
            Landing::Wanted(key) => key,
        };
        let layer = resolved.layer.clone().map_err(PullError::NoModule)?;
        let (downloads, cache) = (Arc::clone(&self.downloads), Arc::clone(&self.cache));
        let (flight, first) = ((key.clone(), who.clone()), (errand.pull.clone(), key.clone()));
        // The module is in the cache before the flight ends, so that nobody finds neither.
        let fetch = || async move {
            let staged = downloads.layer(remote, layer).await?;
            let admitted = cache.admit(&staged, (&first.0, &first.1), SystemTime::now()).await;
            admitted.map(|_| staged).map_err(PullError::cache)
        };
        let staged = self.layers.join(flight, Joins::Any, fetch).await?;
        let path = self.admit(errand, &staged, &key).await?;
        self.grant(&key, who, Proof::Fetched, resolved.audience);
        self.cache.save().await;
        Ok(errand.pulled(path, &staged.content, key.checksum, PullAction::Fetched))
    }

    async fn fetch_file(
        &self,
        errand: Errand<'_>,
        url: &Url,
        expects: Option<&Digest>,
    ) -> Result<Pulled, PullError> {
        let (downloads, web) = (Arc::clone(&self.downloads), self.endpoints.web());
        let fetch = || downloads.file(web, url.clone());
        let staged = self.files.join(url.clone(), errand.joins(), fetch).await?;
        let key = match self.arrive(errand, expects, &Found::new(staged.content.clone())).await? {
            Landing::Present(_, pulled) => {
                self.cache.save().await;
                return Ok(Pulled { action: PullAction::Fetched, ..pulled });
            }
            Landing::Wanted(key) => key,
        };
        let path = self.admit(errand, &staged, &key).await?;
        self.cache.save().await;
        Ok(errand.pulled(path, &staged.content, key.checksum, PullAction::Fetched))
    }

    /// What follows from what was found. A module that turns out to be damaged is wanted again.
    async fn arrive(
        &self,
        errand: Errand<'_>,
        expects: Option<&Digest>,
        found: &Found,
    ) -> Result<Landing, PullError> {
        loop {
            let arrival = self.cache.arrived(errand.pull, expects, found, SystemTime::now());
            match arrival {
                Arrival::Mismatch { expected, found } => {
                    return Err(PullError::Mismatch { expected, found });
                }
                Arrival::Wanted { key } => {
                    // With a checksum there was but one lookup.
                    if expects.is_none() {
                        self.metrics.looked_up(Lookup::Miss);
                    }
                    return Ok(Landing::Wanted(key));
                }
                Arrival::Present { key, content, changes } => {
                    if let Some(path) = self.cache.find(&content, SystemTime::now()).await {
                        self.metrics.looked_up(Lookup::Hit);
                        self.cache.apply(changes);
                        let checksum = key.checksum.clone();
                        let pulled = errand.pulled(path, &content, checksum, PullAction::Resolved);
                        return Ok(Landing::Present(key, pulled));
                    }
                }
            }
        }
    }

    async fn admit(
        &self,
        errand: Errand<'_>,
        staged: &Arc<Staged>,
        key: &ModuleKey,
    ) -> Result<PathBuf, PullError> {
        let admitted = self.cache.admit(staged, (errand.pull, key), SystemTime::now()).await;
        admitted.map_err(PullError::cache)
    }
}

/// Where what was found leads.
enum Landing {
    Present(ModuleKey, Pulled),
    Wanted(ModuleKey),
}
