use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::commands::exit::{Exit, Failure};
use crate::plugin::{Config, ReadLimits, read};

use super::input::read_bounded;

/// One object out of a file or standard input.
pub(super) fn read_config(file: &Path) -> anyhow::Result<Config> {
    let mut documents = read(&read_text(file)?, &ReadLimits::default())?;
    let (Some(document), true) = (documents.pop(), documents.is_empty()) else {
        anyhow::bail!("expected one YAML or JSON document");
    };
    match document.to_json() {
        serde_json::Value::Object(config) => Ok(config),
        _ => anyhow::bail!("{}: expected an object, found {}", document.place, document.kind()),
    }
}

fn read_text(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        return Ok(read_bounded(io::stdin().lock())?);
    }
    let opened = File::open(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            Failure::new(Exit::NotFound, format!("there is no file `{}`", file.display())).into()
        }
        _ => anyhow::Error::new(error),
    })?;
    Ok(read_bounded(opened)?)
}
