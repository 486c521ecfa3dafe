use super::fields::{Fields, Findings};
use super::{FieldPath, Node};

/// `spec.vmConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmConfig {
    /// `env`: variables of the VM, in the file's order.
    pub env: Vec<EnvVar>,
}

/// One entry of `spec.vmConfig.env`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvVar {
    /// `name`.
    pub name: String,
    /// `value`; empty where the file has none.
    pub value: String,
    /// `valueFrom`.
    pub value_from: EnvSource,
}

/// `spec.vmConfig.env[].valueFrom`: whose value it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnvSource {
    /// `INLINE`, or no field: `value` is.
    #[default]
    Inline,
    /// `HOST`: the proxy process's variable of the same name is; `value` is not looked at.
    Host,
}

impl VmConfig {
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        Self { env: fields.items("env", EnvVar::read) }
    }
}

impl EnvVar {
    fn read(findings: &mut Findings, node: &Node, path: &FieldPath) -> Option<Self> {
        let mut fields = Fields::open(node, path.clone(), findings)?;
        let variable = Self {
            name: fields.text("name").unwrap_or_default(),
            value: fields.text("value").unwrap_or_default(),
            value_from: fields.word("valueFrom", &[("INLINE", EnvSource::Inline), ("HOST", EnvSource::Host)]),
        };
        fields.close();
        Some(variable)
    }
}
