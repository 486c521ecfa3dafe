use std::io::Read;
use std::path::{Path, PathBuf};

use crate::plugin::{
    FileError, ReadError, ReadLimits, Resource, Resources, read_resource_file, resource_files,
};

use super::super::context::Context;
use super::super::exit::{Exit, Failure};

/// The files that hold the resources.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::commands) struct InputArgs {
    /// Files of `WasmPlugin`s (YAML or JSON), directories of such files, or `-` for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(in crate::commands) files: Vec<PathBuf>,
}

/// One file, read.
#[derive(Clone, Debug)]
pub(in crate::commands) struct SourceFile {
    /// Its name, as findings and messages give it.
    pub(in crate::commands) name: String,
    /// What it holds.
    pub(in crate::commands) resources: Resources,
}

/// A file whose text is no YAML or JSON, or beyond the limits.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{name}`: {source}")]
pub(in crate::commands) struct UnreadableFile {
    /// Its name.
    pub(in crate::commands) name: String,
    /// Why, and where.
    pub(in crate::commands) source: ReadError,
}

/// What is told where no file has a plugin.
pub(in crate::commands) const NO_PLUGIN: &str =
    "there is no WasmPlugin in what was given; directories within a directory are not looked at";

/// Reads every file.
///
/// # Errors
/// A file or directory cannot be found or opened. A text that cannot be read is an item of its own.
pub(in crate::commands) fn read_files(
    files: &[PathBuf],
) -> anyhow::Result<Vec<Result<SourceFile, UnreadableFile>>> {
    let mut sources = Vec::new();
    for path in files {
        if path.as_os_str() == "-" {
            sources.push(read_stdin()?);
        } else if path.is_dir() {
            for path in resource_files(path).map_err(explain)? {
                sources.push(read_file(&path)?);
            }
        } else {
            sources.push(read_file(path)?);
        }
    }
    Ok(sources)
}

impl InputArgs {
    /// Reads every file for a command that needs resources it can rely on: a fault in any of them is an error, a field
    /// that the API server drops a warning.
    pub(in crate::commands) fn resources(&self, context: &Context) -> anyhow::Result<Vec<Resource>> {
        let sources: Vec<SourceFile> = read_files(&self.files)?.into_iter().collect::<Result<_, _>>()?;
        refuse_faults(&sources)?;
        for SourceFile { name, resources } in &sources {
            for other in &resources.others {
                context.output.note(format_args!("{name}: passed over a {}", other.kind));
            }
            for field in resources.plugins.iter().flat_map(|resource| &resource.unknown) {
                let (line, path) = (field.place.line, &field.path);
                context.output.warn(format_args!(
                    "{name}:{line}: there is no field `{path}`; the API server drops it without a word"
                ));
            }
        }
        let resources: Vec<Resource> =
            sources.into_iter().flat_map(|source| source.resources.plugins).collect();
        if resources.is_empty() {
            return Err(Failure::new(Exit::Failure, NO_PLUGIN).into());
        }
        Ok(resources)
    }
}

fn read_file(path: &Path) -> anyhow::Result<Result<SourceFile, UnreadableFile>> {
    let name = path.display().to_string();
    match read_resource_file(path, &ReadLimits::default()) {
        Ok(resources) => Ok(Ok(SourceFile { name, resources })),
        Err(FileError::Text { source, .. }) => Ok(Err(UnreadableFile { name, source })),
        Err(error) => Err(explain(error)),
    }
}

fn read_stdin() -> anyhow::Result<Result<SourceFile, UnreadableFile>> {
    let name = "<stdin>".to_owned();
    let text = read_bounded(std::io::stdin().lock())?;
    Ok(match Resources::read(&text, &ReadLimits::default()) {
        Ok(resources) => Ok(SourceFile { name, resources }),
        Err(source) => Err(UnreadableFile { name, source }),
    })
}

/// A text, up to one byte more than is taken, which is enough to know that there are too many.
pub(in crate::commands) fn read_bounded(source: impl Read) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    source.take(ReadLimits::default().bytes as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn explain(error: FileError) -> anyhow::Error {
    match &error {
        FileError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Failure::new(Exit::NotFound, error.to_string()).into()
        }
        _ => error.into(),
    }
}

fn refuse_faults(sources: &[SourceFile]) -> anyhow::Result<()> {
    let faults: Vec<String> = sources
        .iter()
        .flat_map(|source| source.resources.faults().map(|fault| (&source.name, fault)))
        .map(|(name, fault)| {
            format!("{name}:{}:{}: `{}` {}", fault.place.line, fault.place.column, fault.path, fault.problem)
        })
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    let failure = Failure::new(Exit::Failure, faults.join("\n"));
    Err(failure.advise("`hwasm-registry wasmplugin lint` shows everything that is wrong at once").into())
}
