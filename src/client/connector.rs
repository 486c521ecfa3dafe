use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Bundle, Credentials, Error, FileLocation, Layout, Location, Registry, RetryPolicy, Target};
use crate::oci::{ImageReference, Reference, RegistryHost, Tag};

/// How registries are reached.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Speak http to every registry. Without it only loopback hosts are spoken to in plain text.
    pub plain_http: bool,
    /// Trust the certificate authorities of this PEM file, besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Accept any certificate.
    pub insecure_skip_tls_verify: bool,
    /// Who we are.
    pub credentials: Credentials,
    /// When and how often a request is tried again.
    pub retry: RetryPolicy,
    /// The node of an agent, which it tells registries like ours so that they can tell who pulls.
    pub node_id: Option<String>,
}

/// Opens locations, and keeps one [`Registry`] per host so that connections and tokens are shared.
pub struct Connector {
    options: Options,
    registries: Mutex<HashMap<RegistryHost, Arc<Registry>>>,
}

/// One image at one target.
#[derive(Clone)]
pub struct Image {
    /// Where it is.
    pub target: Arc<dyn Target>,
    /// Which one it is.
    pub reference: Reference,
}

/// What an opened location is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It must exist.
    Read,
    /// It must exist, and what it holds is about to get more names.
    Change,
    /// A layout or bundle is made where there is none; an existing one is added to.
    Write,
}

impl Connector {
    /// A connector that has no connections yet.
    pub fn new(options: Options) -> Self {
        Self { options, registries: Mutex::default() }
    }

    /// The registry at `host`. Nothing is sent yet.
    ///
    /// # Errors
    /// Where the certificate authorities cannot be read.
    pub fn registry(&self, host: &RegistryHost) -> Result<Arc<Registry>, Error> {
        let mut registries = self.registries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(registry) = registries.get(host) {
            return Ok(Arc::clone(registry));
        }
        let registry = Arc::new(Registry::new(host.clone(), &self.options)?);
        registries.insert(host.clone(), Arc::clone(&registry));
        Ok(registry)
    }

    /// The image at `location`.
    ///
    /// Where the location has no tag: a registry's is `latest`; so is a layout's or bundle's, unless it is read and
    /// holds exactly one image.
    pub async fn image(&self, location: &Location, access: Access) -> Result<Image, Error> {
        match location {
            Location::Registry(image) => self.registry_image(image),
            Location::Layout(file) => {
                let layout = match access {
                    Access::Read => Layout::open(&file.path).await?,
                    Access::Change => Layout::open_to_write(&file.path).await?,
                    Access::Write => Layout::open_or_create(&file.path).await?,
                };
                let only = layout.only_image().await?;
                Ok(Image { reference: choose(file, access, only), target: Arc::new(layout) })
            }
            Location::Bundle(file) => {
                let bundle = match access {
                    Access::Read | Access::Change => Bundle::open(&file.path).await?,
                    Access::Write => Bundle::open_or_create(&file.path).await?,
                };
                let only = bundle.only_image();
                Ok(Image { reference: choose(file, access, only), target: Arc::new(bundle) })
            }
        }
    }

    fn registry_image(&self, image: &ImageReference) -> Result<Image, Error> {
        let remote = self.registry(&image.registry)?.repository(&image.repository);
        Ok(Image { target: Arc::new(remote), reference: image.reference() })
    }
}

fn choose(file: &FileLocation, access: Access, only: Option<Reference>) -> Reference {
    let only = only.filter(|_| access != Access::Write);
    file.reference.clone().or(only).unwrap_or_else(|| Tag::latest().into())
}
