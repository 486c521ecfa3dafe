use std::io::{IsTerminal, Read as _};

use anyhow::Context as _;
use serde::Serialize;

use crate::client::{self, CredentialFiles, ErrorKind, RepositoryLocation, Secret, Stored, login};
use crate::oci::RegistryHost;

use super::context::Context;
use super::exit::{Exit, Failure};
use super::output::{Paint, Report};
use super::session::ConnectionArgs;

/// Keep a user name and password for a registry
#[derive(Debug, clap::Args)]
#[command(after_help = "\
They are checked with the registry first, and kept where Docker keeps them: with its credential
helper, or in $DOCKER_CONFIG/config.json.

Examples:
  # Asks for both
  hwasm-registry login registry.example.com

  # In a script
  hwasm-registry login registry.example.com --username ci --password-stdin < token")]
pub(super) struct Args {
    /// The registry: host or host:port
    registry: String,
    /// The user's name; asked for on a terminal without it
    #[arg(long, short, value_name = "NAME")]
    username: Option<String>,
    /// Read the password from standard input instead of asking
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// What became of the login.
#[derive(Debug, Serialize)]
struct LoggedIn {
    /// The registry.
    registry: String,
    /// The user's name.
    username: String,
    /// Where the credentials are kept.
    kept: String,
    /// Whether the registry checked them: one that lets everybody in does not.
    checked: bool,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let host = registry_host(&self.registry)?;
        let username = self.username()?;
        let password = self.password()?;
        let files = CredentialFiles::from_environment();
        let done = login(&host, (&username, &password), &files, &self.connection.options()).await;
        let done = done.map_err(|error| explain(error, &host))?;
        if !done.checked {
            context.output.warn(format_args!("`{host}` lets everybody in; nobody checked the password"));
        }
        if let Stored::File(path) = &done.stored {
            context.output.note(format_args!("the password is readable in {}", path.display()));
        }
        let registry = host.to_string();
        context.output.report(&LoggedIn {
            registry,
            username,
            kept: kept(&done.stored),
            checked: done.checked,
        })
    }

    fn username(&self) -> anyhow::Result<String> {
        if let Some(name) = &self.username {
            return Ok(name.clone());
        }
        require_terminal("a user name", "--username")?;
        Ok(dialoguer::Input::new().with_prompt("Username").interact_text()?)
    }

    fn password(&self) -> anyhow::Result<Secret> {
        if self.password_stdin {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read the password from standard input")?;
            return Ok(Secret::new(text.trim_end_matches(['\r', '\n'])));
        }
        require_terminal("a password", "--password-stdin")?;
        Ok(Secret::new(dialoguer::Password::new().with_prompt("Password").interact()?))
    }
}

/// What to do about a login that failed.
fn explain(error: client::Error, host: &RegistryHost) -> anyhow::Error {
    let message = format!("cannot log in to `{host}`");
    if error.kind() != ErrorKind::Unauthorized {
        return anyhow::Error::new(error).context(message);
    }
    let failure = Failure::new(Exit::Denied, message);
    anyhow::Error::new(error).context(failure.advise("check user name and password; nothing was kept"))
}

/// The host of a registry, however much of a URL was typed around it.
pub(super) fn registry_host(text: &str) -> anyhow::Result<RegistryHost> {
    if text.contains('@') {
        // A password may stand before it, and errors end up in logs.
        let failure = Failure::new(Exit::Usage, "the registry's name has an `@`; expected host or host:port");
        return Err(failure.advise("give the user with `--username`").into());
    }
    let location: Result<RepositoryLocation, _> = text.parse();
    Ok(location.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?.registry)
}

/// Where credentials are, in words.
pub(super) fn kept(stored: &Stored) -> String {
    match stored {
        Stored::File(path) => path.display().to_string(),
        Stored::Helper(name) => format!("docker-credential-{name}"),
    }
}

fn require_terminal(what: &str, instead: &str) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("there is no terminal to ask for {what} on"))
        .advise(format!("use `{instead}`")))
}

impl Report for LoggedIn {
    fn text(&self, _: Paint) -> String {
        format!("logged in to {} as {}; kept in {}", self.registry, self.username, self.kept)
    }
}
