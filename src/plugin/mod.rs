//! The `WasmPlugin` resource as data, in Higress's form and in Istio's: what its fields say, where in the file each one
//! stands, and what its module URL and pull policy mean to the agents that read them.
//!
//! - [`Resources::read`] takes a text apart; each [`Resource`] has the [`WasmPlugin`], what is wrong with it, and the
//!   document as a [`Node`] whose places errors and findings name. [`resource_files`] finds the texts of a directory.
//! - [`WasmPlugin`] is the resource, [`Spec`] has the fields of both forms; [`to_yaml`] prints it as controllers do.
//! - [`ModuleUrl`] and [`PullPolicy::effective`] say what an agent makes of `url`, `sha256` and `imagePullPolicy`.
//! - [`NewWasmPlugin`] writes the resource for an image, of which [`ImageFacts`] are known; [`ConfigSchema`] holds a
//!   configuration against what the plugin's author says it looks like.
//!
//! Nothing here knows a gateway or a network.

mod config_schema;
mod directory;
mod effective_policy;
mod field_path;
mod fields;
mod image_facts;
mod metadata;
mod module_url;
mod new_wasm_plugin;
mod node;
mod place;
mod policy;
mod read;
mod resource;
mod spec;
mod vm_config;
mod wasm_plugin;
mod word;
mod workload;
mod written;
mod yaml;

pub use config_schema::{ConfigSchema, ConfigSchemaError, Violation};
pub use directory::{FileError, read_resource_file, read_resource_text, resource_files};
pub use effective_policy::EffectivePolicy;
pub use field_path::{FieldPath, Step};
pub use image_facts::{Declaration, Declared, ImageFacts, ImageKind, Refusal};
pub use metadata::Metadata;
pub use module_url::{ModuleSource, ModuleUrl, ModuleUrlError};
pub use new_wasm_plugin::{ImageNaming, InitialConfig, NewWasmPlugin, NewWasmPluginError, PluginScope};
pub use node::{Member, Node, NodeValue};
pub use place::Place;
pub use policy::{FailStrategy, Phase, PullPolicy};
pub use read::{ReadError, ReadLimits, read};
pub use resource::{FieldFault, OtherResource, Resource, Resources, UnknownField};
pub use spec::{Config, MatchRule, RouteType, Spec};
pub use vm_config::{EnvSource, EnvVar, VmConfig};
pub use wasm_plugin::{Form, WasmPlugin};
pub use word::UnknownWord;
pub use workload::{PluginType, TargetRef, TrafficSelector, WorkloadMode};
pub use yaml::to_yaml;
