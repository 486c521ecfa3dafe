use serde::Serialize;

/// What the first eight bytes of a file say it is (WebAssembly core specification, "Binary Format").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleForm {
    /// A core module, which gateways run.
    Core,
    /// A component: agents hand it on, and Envoy refuses it.
    Component,
    /// Wasm of a version that nobody speaks; agents hand it on all the same.
    UnknownVersion(u32),
    /// Shorter than eight bytes.
    TooSmall,
    /// Anything else.
    NotWasm,
}

impl ModuleForm {
    /// The form of a file that begins with `head`; eight bytes are enough.
    pub fn of(head: &[u8]) -> Self {
        let Some((magic, version)) = head.get(..8).map(|head| head.split_at(4)) else {
            return if head.len() >= 4 && !head.starts_with(b"\0asm") {
                Self::NotWasm
            } else {
                Self::TooSmall
            };
        };
        match (magic, version) {
            (b"\0asm", [1, 0, 0, 0]) => Self::Core,
            (b"\0asm", [_, _, 1, 0]) => Self::Component,
            (b"\0asm", &[a, b, c, d]) => Self::UnknownVersion(u32::from_le_bytes([a, b, c, d])),
            _ => Self::NotWasm,
        }
    }

    /// Whether an agent takes it: at least eight bytes with the magic, whatever the version.
    pub fn passes_agents(self) -> bool {
        matches!(self, Self::Core | Self::Component | Self::UnknownVersion(_))
    }
}
