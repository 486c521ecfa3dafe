//! The measure of a swap: a discovery server that says at once where a module lies that is on the disk already.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use hwasm_registry::agent::{
    Desired, Envoys, Installation, Limits, Publisher, Resource, WatchedDirectory, XdsServer,
};
use hwasm_registry::gateway::{GatewaySettings, Line};
use hwasm_registry::plugin::WasmPlugin;
use tokio::net::TcpListener;

const LINE: Line = Line::Seed;

/// The server, and the one plugin that it serves.
pub(crate) struct PlainServer {
    publisher: Publisher,
    plugin: WasmPlugin,
    modules: PathBuf,
}

impl PlainServer {
    /// Serves the plugin of the directory `wasmplugins`, as an agent would, from the files of `modules`.
    pub(crate) async fn start(listen: SocketAddr, wasmplugins: &Path, modules: &Path) -> Result<Self> {
        let publisher = Publisher::new(LINE);
        let limits = Limits::default();
        let envoys = Envoys::new(&limits, Arc::new(SystemTime::now));
        let server = XdsServer::new(&publisher, &envoys, &limits);
        tokio::spawn(server.serve(TcpListener::bind(listen).await?, std::future::pending()));
        let plugin = only_plugin(wasmplugins)?.1;
        Ok(Self { publisher, plugin, modules: modules.to_owned() })
    }

    /// Where the module of that name lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.modules.join(format!("{name}.wasm"))
    }

    /// Tells the Envoy of it.
    pub(crate) fn publish(&self, name: &str) {
        let path = self.path(name).display().to_string();
        self.publisher.publish([Resource::plugin(&self.plugin, LINE, &path)]);
    }
}

/// The plugin of a directory with one, under the name of its resource.
pub(crate) fn only_plugin(wasmplugins: &Path) -> Result<(String, WasmPlugin)> {
    let mut plugins = plugins(wasmplugins);
    let (name, plugin) = plugins.next().context("a directory without a plugin")?;
    Ok((name, plugin))
}

/// The plugins of a directory, each under the name of its resource.
pub(crate) fn plugins(wasmplugins: &Path) -> impl Iterator<Item = (String, WasmPlugin)> + use<> {
    let mut directory = WatchedDirectory::new(wasmplugins.to_owned());
    directory.look();
    let installation = Installation::plain(LINE, GatewaySettings::default());
    let desired = Desired::of(directory.plugins(), &directory.secrets(), &installation);
    desired.plugins.into_iter().map(|(name, desired)| (name, desired.plugin))
}
