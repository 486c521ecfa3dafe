//! From a `.wasm` module to an OCI image and back: what is inside a module, how it is packed, which agents can load
//! an image of any producer, and how a module is taken out again.
//!
//! - [`inspect`] reads a module and says what a gateway will do with it.
//! - [`Plugin::load`] takes what an author has on disk; [`pack`] makes an [`Image`] of it, the same bytes every time.
//! - [`module_layer`] and [`examine`] look at an image, [`verdicts`] says who loads it and who refuses it and why.
//! - [`extract`] takes the module out of a layer as a stream, in fixed memory, whatever the layer claims; [`extract_file`]
//!   out of what a web server gives.
//!
//! Nothing here knows a network or a store: bytes and readers in, values out.

mod agent;
mod config_blob;
mod document;
mod extracted_file;
mod extracted_module;
#[cfg(test)]
mod fixtures;
mod host_function;
mod image;
mod layer;
mod layer_content;
mod layout;
mod limits;
mod module;
mod module_contents;
mod module_error;
mod module_form;
mod plugin;
mod plugin_name;
mod plugin_spec;
mod producers;
mod tar_header;
mod tar_reader;
mod tarball;
mod unpack_error;
mod unpacked;
mod verdict;
mod zstd;

pub use agent::Agent;
pub use document::Document;
pub use extracted_file::extract_file;
pub use extracted_module::{ExtractedModule, extract};
pub use host_function::ImportName;
pub use image::{Blob, Image, PackOptions, pack};
pub use layer::{Encoding, ModuleLayer, NoModuleLayer, linux_amd64_child, module_layer};
pub use layer_content::{FoundModule, LayerContent, Scan, examine, holds_module};
pub use layout::{Layout, LayoutError};
pub use limits::Limits;
pub use module::{MemoryInfo, ModuleInfo, inspect};
pub use module_error::ModuleError;
pub use module_form::ModuleForm;
pub use plugin::{Plugin, PluginError};
pub use plugin_name::{Chosen, Origin};
pub use plugin_spec::{PluginSpec, PluginSpecError};
pub use producers::Producer;
pub use tar_reader::EntryKind;
pub use unpack_error::UnpackError;
pub use verdict::{Outcome, Verdict, verdicts, verdicts_through_index};
