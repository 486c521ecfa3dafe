//! Something to pull.

use anyhow::Result;

use crate::modules::Template;
use crate::registry::Repository;

/// How many tags, and where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// host:port of the registry
    host: String,
    /// Repository to push to
    repository: String,
    /// Tags to have, all for one image
    #[arg(long, default_value_t = 1)]
    tags: usize,
}

pub(crate) async fn run(args: Args) -> Result<String> {
    let repository = Repository::new(&args.host, &args.repository);
    let scratch = tempfile::tempdir()?;
    let image = Template::small()?.module(0).image(&scratch.path().join("plugin.wasm"))?;
    image.push_blobs(&repository).await?;
    for number in 0..args.tags {
        image.put_manifest(&repository, &format!("p{number}")).await?;
    }
    Ok(String::new())
}
