use ::config::ConfigError;
use ::config::builder::DefaultState;
use serde::{Deserialize, Deserializer, Serialize};

use super::layer::Layer;
use super::{Effective, Error, Sources};
use crate::{agent, fleet, gateway, registry, server, storage, telemetry, webhook};

/// Every setting of the program, by room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Config {
    /// `[server]`: where and how the server listens.
    pub server: server::Config,
    /// `[storage]`: where and how content is kept.
    pub storage: storage::Config,
    /// `[limits]`, `[plugins]` and `[tags]`: what the registry allows.
    #[serde(flatten)]
    pub registry: registry::Config,
    /// `[gateway]`: the Higress installation that is meant.
    pub gateway: gateway::Config,
    /// `[agent]`: how an agent keeps modules.
    pub agent: agent::Config,
    /// `[fleet]`: what is kept of who reads.
    pub fleet: fleet::Config,
    /// `[[webhooks]]`: who is told of events.
    pub webhooks: webhook::Config,
    /// `[log]`: what is logged and how.
    pub log: telemetry::Config,
}

/// The sections of a file. The registry has several, which only its own `Config` names: the parameters are theirs.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sections<Limits, Plugins, Tags> {
    server: server::Config,
    storage: storage::Config,
    limits: Limits,
    plugins: Plugins,
    tags: Tags,
    gateway: gateway::Config,
    agent: agent::Config,
    fleet: fleet::Config,
    webhooks: webhook::Config,
    log: telemetry::Config,
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Sections { server, storage, limits, plugins, tags, gateway, agent, fleet, webhooks, log } =
            Sections::deserialize(deserializer)?;
        let registry = registry::Config { limits, plugins, tags };
        Ok(Self { server, storage, registry, gateway, agent, fleet, webhooks, log })
    }
}

impl Config {
    /// Reads the sources and lays them over the defaults.
    ///
    /// Each source is read by itself first, so that an error names the one that holds the mistake.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or a source has an unknown key or a value its key does not take.
    pub fn load(sources: &Sources) -> Result<Effective, Error> {
        let defaults = Self::defaults();
        let file = sources.chosen_file().map(Layer::file).transpose()?;
        let variable = |(name, text): (&String, &String)| Layer::variable(name, text, &defaults);
        let layers: Vec<Layer> = file
            .into_iter()
            .chain(sources.environment.iter().filter_map(variable))
            .chain(sources.flags.iter().map(Layer::flag))
            .collect();
        for layer in &layers {
            Self::check(layer)?;
        }
        let whole = |error| Error::invalid("configuration", error);
        let merged = Self::merge(&layers).map_err(whole)?;
        let config = merged.clone().try_deserialize().map_err(whole)?;
        Ok(Effective::new(config, sources.chosen_file(), &merged))
    }

    /// What is in force where nobody says anything.
    fn defaults() -> toml::Table {
        toml::Table::try_from(Self::default()).expect("the defaults are plain values")
    }

    /// Reads one source by itself.
    fn check(layer: &Layer) -> Result<(), Error> {
        let alone = Self::merge([layer]).map_err(|error| Error::invalid(&layer.origin, error))?;
        let Err(error) = alone.clone().try_deserialize::<Self>() else { return Ok(()) };
        // The first error knows the key; this one knows every value that would have been right.
        let described =
            alone.try_deserialize().ok().and_then(|table: toml::Table| table.try_into::<Self>().err());
        let problem = described.map(|error| error.message().to_owned());
        Err(Error::invalid(&layer.origin, error).with_problem(problem))
    }

    /// `layers`, later ones over earlier ones.
    fn merge<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Result<::config::Config, ConfigError> {
        let over =
            |below: ::config::ConfigBuilder<DefaultState>, layer: &Layer| below.add_source(layer.clone());
        layers.into_iter().fold(::config::Config::builder(), over).build()
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use crate::config::Flag;

    use super::*;

    /// Sources whose file is `text`.
    fn file(directory: &Path, text: &str) -> Sources {
        let path = directory.join("settings.toml");
        std::fs::write(&path, text).unwrap();
        Sources { file: Some(path), ..Sources::default() }
    }

    fn variable(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    const LISTEN: &str = "HWASM_REGISTRY__SERVER__LISTEN";

    #[test]
    fn flags_win_over_environment_over_file_over_defaults() {
        let directory = tempfile::tempdir().unwrap();
        let in_file = file(directory.path(), "[server]\nlisten = \"127.0.0.1:1\"");
        let in_environment =
            Sources { environment: [variable(LISTEN, "127.0.0.1:2")].into(), ..in_file.clone() };
        let flag = Flag { name: "--listen", key: "server.listen", value: "127.0.0.1:3".into() };
        let in_flag = Sources { flags: vec![flag], ..in_environment.clone() };
        let path = in_file.file.as_ref().unwrap().display().to_string();
        for (sources, port, origin) in [
            (Sources::default(), 5000, None),
            (in_file, 1, Some(path.as_str())),
            (in_environment, 2, Some(LISTEN)),
            (in_flag, 3, Some("--listen")),
        ] {
            let effective = Config::load(&sources).unwrap();
            assert_eq!(effective.config.server.listen.port(), port);
            assert_eq!(effective.origins.get("server.listen").map(String::as_str), origin);
        }
    }

    #[test]
    fn the_first_file_of_the_search_path_is_the_only_one_read() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["absent.toml", "first.toml", "second.toml"].map(|name| directory.path().join(name));
        std::fs::write(&paths[1], "[storage]\nread_connections = 1").unwrap();
        std::fs::write(&paths[2], "[server]\nlisten = \"127.0.0.1:9\"").unwrap();
        let sources = Sources { search: paths.to_vec(), ..Sources::default() };
        let effective = Config::load(&sources).unwrap();
        assert_eq!(effective.file.as_deref(), Some(paths[1].as_path()));
        assert_eq!(effective.config.storage.read_connections, 1);
        assert_eq!(effective.config.server, Config::default().server);
    }

    #[test]
    fn a_file_that_was_asked_for_must_exist() {
        let sources = Sources { file: Some(PathBuf::from("/nowhere/x.toml")), ..Sources::default() };
        let error = Config::load(&sources).unwrap_err().to_string();
        assert!(error.contains("/nowhere/x.toml"), "{error}");
    }

    #[test]
    fn a_mistake_in_a_file_is_named_with_its_file() {
        let directory = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("[server]\nlisten_on = 1", ["`server`", "`listen_on`"]),
            ("serve = 1", ["`serve`", "`server`"]),
            ("[storage]\nread_connections = \"many\"", ["`storage.read_connections`", "\"many\""]),
            ("[server]\nlisten = \"here\"", ["`server.listen`", "socket address"]),
            ("[limits]\nblob_size = \"big\"", ["`limits.blob_size`", "such as `4MiB`"]),
            ("[limits]\nupload_expiry = \"5\"", ["`limits.upload_expiry`", "such as `30s`"]),
            ("[plugins]\non_unloadable = \"forbid\"", ["`plugins.on_unloadable`", "`refuse`"]),
            ("[[plugins.rules]]\nrepository = \"a\"", ["`plugins.rules[0]", "`on_unloadable`"]),
            ("[[tags.immutable]]\nrepository = \"a\"", ["`tags.immutable[0]", "`tags`"]),
            ("[[tags.immutable]]\nrepository = \"a\"\ntags = \"v[\"", ["`tags.immutable[0]", "glob 'v['"]),
            ("[gateway]\ngateway_selector = \"a b\"", ["`a b` is no label", "`key=value`"]),
            ("[[webhooks]]\nname = \"ci\"\nurl = \"http://x\"", ["webhook `ci`", "there is no secret"]),
            ("[[webhooks]]\nname = \"ci\"", ["`webhooks[0]", "`url`"]),
            ("[server", ["TOML", "line 1"]),
        ] {
            let error = Config::load(&file(directory.path(), text)).unwrap_err().to_string();
            for part in expected.into_iter().chain(["settings.toml"]) {
                assert!(error.contains(part), "{error}: expected {part}");
            }
        }
    }

    #[test]
    fn a_mistake_in_the_environment_is_named_with_its_variable() {
        for (name, value) in [
            ("HWASM_REGISTRY__SERVER__LISTEN", "x"),
            ("HWASM_REGISTRY__SERVER__LISTNE", "127.0.0.1:1"),
            ("HWASM_REGISTRY__SEVRER__LISTEN", "127.0.0.1:1"),
            ("HWASM_REGISTRY__STORAGE__READ_CONNECTIONS", "-1"),
        ] {
            let sources = Sources { environment: [variable(name, value)].into(), ..Sources::default() };
            let error = Config::load(&sources).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn a_list_in_a_variable_is_separated_by_commas_or_written_as_toml() {
        for value in ["higress-2, envoy-gateway", r#"["higress-2", "envoy-gateway"]"#] {
            let environment = [variable("HWASM_REGISTRY__PLUGINS__AGENTS", value)].into();
            let loaded = Config::load(&Sources { environment, ..Sources::default() }).unwrap();
            assert_eq!(loaded.config.registry.plugins.agents.len(), 2, "{value}");
        }
    }

    #[test]
    fn a_secret_is_not_printed_and_what_is_printed_in_its_place_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let value = r#"[{ name = "ci", url = "http://x", secret = "a secret of thirty-two letters." }]"#;
        let environment = [variable("HWASM_REGISTRY__WEBHOOKS", value)].into();
        let loaded = Config::load(&Sources { environment, ..Sources::default() }).unwrap();
        let text = loaded.to_string();
        assert!(text.contains("\"ci\"") && text.contains("***") && !text.contains("letters"), "{text}");
        let error = Config::load(&file(directory.path(), &text)).unwrap_err().to_string();
        assert!(error.contains("webhook `ci`: `secret` is `***`"), "{error}");
    }

    #[test]
    fn other_variables_are_passed_over() {
        let others = ["HWASM_REGISTRY_CONFIG", "HWASM_REGISTRYX__SERVER__LISTEN", "PATH"];
        let environment = others.map(|name| variable(name, "x")).into();
        let sources = Sources { environment, ..Sources::default() };
        assert_eq!(Config::load(&sources).unwrap().config, Config::default());
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let set = [
            (LISTEN, "127.0.0.1:7"),
            ("HWASM_REGISTRY__GATEWAY__WASMPLUGINS", "plugins"),
            ("HWASM_REGISTRY__GATEWAY__GATEWAY_SELECTOR", "gw"),
        ];
        let environment = set.map(|(name, value)| variable(name, value)).into();
        let printed = Config::load(&Sources { environment, ..Sources::default() }).unwrap();
        let text = printed.to_string();
        assert!(text.contains("listen = \"127.0.0.1:7\"") && text.contains(&format!("# {LISTEN}")), "{text}");
        assert_eq!(Config::load(&file(directory.path(), &text)).unwrap().config, printed.config);
    }
}
