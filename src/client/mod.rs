//! Content moves between targets: a repository of a registry, an OCI image layout directory, a bundle (a tar file
//! that holds such a layout), and whatever else implements [`Target`].
//!
//! [`Location`] reads what people type, a [`Connector`] opens it as an [`Image`], and [`copy()`] moves it:
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use hwasm_registry::client::{Access, Connector, CopyOptions, Location, Options, copy};
//!
//! let connector = Connector::new(Options::default());
//! let from: Location = "127.0.0.1:5000/plugins/key-auth:1.0.0".parse()?;
//! let to: Location = "key-auth.tar:1.0.0".parse()?;
//! let from = connector.image(&from, Access::Read).await?;
//! let to = connector.image(&to, Access::Write).await?;
//! let copied = copy(&from, &to, &CopyOptions { referrers: true, ..CopyOptions::default() }).await?;
//! assert_eq!(to.target.resolve(&to.reference).await?.digest, copied.root.digest);
//! # Ok(())
//! # }
//! ```
//!
//! The distribution protocol (distribution-spec 1.1.1) is spoken in `remote`, the only place that names an HTTP
//! client; a [`WebClient`] fetches files of other servers with it. [`login`] and [`logout`] keep the credential files that Docker and Podman share.

mod bundle;
mod connector;
mod copy;
mod credentials;
mod error;
mod layout;
mod location;
mod network_failure;
mod page;
mod progress;
mod refusal;
mod remote;
mod source;
mod target;
mod verify;

pub use bundle::Bundle;
pub use connector::{Access, Connector, Image, Options};
pub use copy::{Copied, CopyOptions, DEPTH_LIMIT, NewImage, copy, copy_all, put_image};
pub use credentials::{
    Credential, CredentialFiles, Credentials, DockerConfig, DockerConfigError, Secret, Stored,
};
pub use error::{Error, ErrorKind};
pub use layout::Layout;
pub use location::{FileLocation, Location, LocationError, RepositoryLocation};
pub use network_failure::{NetworkCause, NetworkFailure};
pub use page::{Cursor, Page, PageRequest, PageStart, all_repositories, all_tags};
pub use progress::{BlobOutcome, Progress, Unwatched};
pub use refusal::{Refusal, Request};
pub use remote::{
    Event, EventPage, Events, Login, Notice, Registry, Remote, RetryPolicy, TagChange, WebClient, login,
    logout,
};
pub use source::BlobSource;
pub use target::{
    Answer, ByteStream, Expected, FetchedManifest, MANIFEST_LIMIT_BYTES, PutManifest, Receipt, Target,
};
