use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::Flag;

/// Flags that stand for keys of the configuration.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ServerFlags {
    /// Address and port, instead of `server.listen`; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = socket_address)]
    listen: Option<SocketAddr>,
    /// Directory of `WasmPlugin`s to show at /debug/configz, and that the fleet is to know of, instead of
    /// `gateway.wasmplugins`
    #[arg(long, value_name = "DIR")]
    wasmplugins: Option<PathBuf>,
    #[command(flatten)]
    store: StoreFlags,
}

/// Where content is kept.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct StoreFlags {
    /// Directory of the local registry's content, instead of `storage.data_dir`
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an IP address and a port, such as `127.0.0.1:5000`".to_owned())
}

impl ServerFlags {
    /// Those that were given.
    pub(super) fn given(&self) -> Vec<Flag> {
        let listen = self.listen.map(|address| Flag {
            name: "--listen",
            key: "server.listen",
            value: address.to_string(),
        });
        let wasmplugins = self.wasmplugins.as_ref().map(|directory| Flag {
            name: "--wasmplugins",
            key: "gateway.wasmplugins",
            value: directory.display().to_string(),
        });
        listen.into_iter().chain(wasmplugins).chain(self.store.given()).collect()
    }
}

impl StoreFlags {
    /// Those that were given.
    pub(super) fn given(&self) -> Vec<Flag> {
        let data_dir = self.data_dir.as_ref().map(|directory| Flag {
            name: "--data-dir",
            key: "storage.data_dir",
            value: directory.display().to_string(),
        });
        data_dir.into_iter().collect()
    }
}
