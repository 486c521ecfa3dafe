use wasm_metadata::Producers;
use wasmparser::{
    BinaryReaderError, CustomSectionReader, ExternalKind, MemoryType, Parser, Payload, TypeRef,
};

use super::host_function::{self, ABI_VERSIONS, ImportName, OfferedBy};
use super::{MemoryInfo, ModuleInfo, producers};
use crate::oci::Digest;

/// The parts of a module that [`ModuleInfo`] is made of.
#[derive(Default)]
pub(super) struct ModuleContents {
    imports: Vec<(ImportName, TypeRef)>,
    functions: Vec<String>,
    exports_memory: bool,
    memory: Option<MemoryType>,
    producers: Option<Producers>,
    has_go_build_id: bool,
}

impl ModuleContents {
    /// Reads the sections that matter of a valid module.
    pub(super) fn read(module: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut contents = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let name = ImportName { module: import.module.into(), name: import.name.into() };
                        contents.imports.push((name, import.ty));
                    }
                }
                Payload::MemorySection(section) => {
                    contents.memory = section.into_iter().next().transpose()?;
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        contents.export(export.kind, export.name);
                    }
                }
                Payload::CustomSection(section) => contents.custom(&section),
                _ => {}
            }
        }
        Ok(contents)
    }

    fn export(&mut self, kind: ExternalKind, name: &str) {
        match kind {
            ExternalKind::Func => self.functions.push(name.to_owned()),
            ExternalKind::Memory => self.exports_memory |= name == "memory",
            _ => {}
        }
    }

    fn custom(&mut self, section: &CustomSectionReader<'_>) {
        match section.name() {
            // A malformed producers section is no concern of a gateway: it names nothing, and that is all.
            "producers" => self.producers = Producers::from_bytes(section.data(), section.data_offset()).ok(),
            // Written by Go's own linker, in every module it makes.
            "go:buildid" => self.has_go_build_id = true,
            _ => {}
        }
    }

    /// What a gateway cares about in `module`, whose contents these are.
    pub(super) fn into_info(self, module: &[u8]) -> ModuleInfo {
        let abi_version = self.abi_version();
        let offered = |wanted| self.imports_offered_by(wanted, abi_version.as_deref());
        let none = Producers::empty();
        let producers = self.producers.as_ref().unwrap_or(&none);
        let go = || self.has_go_build_id.then(|| "Go".to_owned());
        ModuleInfo {
            size_bytes: module.len() as u64,
            sha256: Digest::sha256(module).hex().to_owned(),
            callbacks: self.functions.iter().filter(|name| name.starts_with("proxy_on_")).cloned().collect(),
            missing_exports: self.missing_exports(),
            unknown_imports: offered(OfferedBy::None),
            higress_imports: offered(OfferedBy::Higress),
            recent_imports: offered(OfferedBy::Recent),
            language: producers::language(producers).or_else(go),
            toolchain: producers::toolchain(producers),
            memory: self.memory().map(MemoryInfo::from),
            abi_version,
        }
    }

    /// The first version a gateway knows, as it looks for them; else the first one exported.
    fn abi_version(&self) -> Option<String> {
        let exported = || self.functions.iter().filter_map(|name| name.strip_prefix(ModuleInfo::ABI_PREFIX));
        let versions = || exported().map(|version| version.replace('_', "."));
        versions().find(|version| ABI_VERSIONS.contains(&version.as_str())).or_else(|| versions().next())
    }

    fn missing_exports(&self) -> Vec<&'static str> {
        let exports = |name: &str| self.functions.iter().any(|function| function == name);
        let memory = (!self.exports_memory).then_some("`memory`");
        let allocator = (!exports("malloc") && !exports("proxy_on_memory_allocate"))
            .then_some("`malloc` (or `proxy_on_memory_allocate`)");
        memory.into_iter().chain(allocator).collect()
    }

    fn imports_offered_by(&self, wanted: OfferedBy, abi: Option<&str>) -> Vec<ImportName> {
        let offered = |(name, kind): &(ImportName, TypeRef)| match kind {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                host_function::offered_by(abi, &name.module, &name.name)
            }
            // Hosts make memories and tables that a module asks for; globals and tags they do not.
            TypeRef::Memory(_) | TypeRef::Table(_) => OfferedBy::All,
            TypeRef::Global(_) | TypeRef::Tag(_) => OfferedBy::None,
        };
        let mut names: Vec<_> = self
            .imports
            .iter()
            .filter(|import| offered(import) == wanted)
            .map(|(name, _)| name.clone())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn memory(&self) -> Option<MemoryType> {
        let imported = || {
            self.imports.iter().find_map(|(_, kind)| match kind {
                TypeRef::Memory(memory) => Some(*memory),
                _ => None,
            })
        };
        self.memory.or_else(imported)
    }
}

impl From<MemoryType> for MemoryInfo {
    fn from(memory: MemoryType) -> Self {
        let page = 1_u64 << memory.page_size_log2.unwrap_or(16);
        let bytes = |pages: u64| pages.saturating_mul(page);
        Self {
            initial_bytes: bytes(memory.initial),
            maximum_bytes: memory.maximum.map(bytes),
            is_64_bit: memory.memory64,
        }
    }
}
