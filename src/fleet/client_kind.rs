use std::fmt;

/// What a client is, told from what it says of itself. Anybody may say anything: it is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientKind {
    /// Our own agent: it names its node.
    Agent,
    /// What Istio's, Higress's and Envoy Gateway's agents fetch images with: go-containerregistry as a library.
    Istio,
    /// Whoever reads modules as files from `/plugins/…`, such as Istio's agents for `http` URLs.
    PluginFile,
    /// This program's commands.
    HwasmRegistry,
    /// `containerd` and what is built on it.
    Containerd,
    /// Docker.
    Docker,
    /// `oras`.
    Oras,
    /// `crane`.
    Crane,
    /// `skopeo`, podman and buildah.
    Skopeo,
    /// A person with a browser.
    Browser,
    /// Anything else.
    Unknown,
}

impl ClientKind {
    const ALL: [Self; 11] = [
        Self::Agent,
        Self::Istio,
        Self::PluginFile,
        Self::HwasmRegistry,
        Self::Containerd,
        Self::Docker,
        Self::Oras,
        Self::Crane,
        Self::Skopeo,
        Self::Browser,
        Self::Unknown,
    ];

    /// By the beginnings of `User-Agent`; the first that fits counts.
    const PREFIXES: [(&str, Self); 10] = [
        ("hwasm-registry/", Self::HwasmRegistry),
        ("go-containerregistry/", Self::Istio),
        ("crane/", Self::Crane),
        ("cmd/crane", Self::Crane),
        ("containerd/", Self::Containerd),
        ("docker/", Self::Docker),
        ("oras", Self::Oras),
        ("skopeo/", Self::Skopeo),
        ("containers/", Self::Skopeo),
        ("Mozilla/", Self::Browser),
    ];

    /// The kind of a client that reads over the distribution API, by its `User-Agent`. `crane` is go-containerregistry
    /// too, and names itself first.
    pub fn of(user_agent: &str) -> Self {
        let fits = |(prefix, kind): (&str, Self)| user_agent.starts_with(prefix).then_some(kind);
        Self::PREFIXES.into_iter().find_map(fits).unwrap_or(Self::Unknown)
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::Unknown)
    }

    /// Whether it is a gateway's agent, and not somebody who looks at images.
    pub fn is_agent(self) -> bool {
        matches!(self, Self::Agent | Self::Istio | Self::PluginFile)
    }

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Istio => "istio",
            Self::PluginFile => "plugin-file",
            Self::HwasmRegistry => "hwasm-registry",
            Self::Containerd => "containerd",
            Self::Docker => "docker",
            Self::Oras => "oras",
            Self::Crane => "crane",
            Self::Skopeo => "skopeo",
            Self::Browser => "browser",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ClientKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_by_what_they_say() {
        for (user_agent, expected) in [
            ("go-containerregistry/v0.21.6", ClientKind::Istio),
            ("crane/v0.22.1 go-containerregistry/v0.22.1", ClientKind::Crane),
            ("hwasm-registry/0.1.0", ClientKind::HwasmRegistry),
            ("docker/28.2.2 go/go1.24 git-commit/x kernel/6 os/linux arch/amd64", ClientKind::Docker),
            ("containerd/2.0.0", ClientKind::Containerd),
            ("oras/1.3.6", ClientKind::Oras),
            ("oras-go", ClientKind::Oras),
            ("skopeo/1.9.3", ClientKind::Skopeo),
            ("containers/5.23 (github.com/containers/image)", ClientKind::Skopeo),
            ("Mozilla/5.0 (X11)", ClientKind::Browser),
            ("Go-http-client/1.1", ClientKind::Unknown),
            ("", ClientKind::Unknown),
        ] {
            assert_eq!(ClientKind::of(user_agent), expected, "{user_agent}");
        }
    }
}
