use serde::Serialize;
use wasmparser::{BinaryReaderError, Validator, WasmFeatures};

use super::host_function::{ABI_VERSIONS, HIGRESS_ABI, ImportName};
use super::module_contents::ModuleContents;
use super::{Limits, ModuleError, Producer};

/// What a module may use: what V8 compiles in Envoy 1.40 without further flags.
///
/// That is Wasm 3.0, threads, and the first version of exception handling, which C++ toolchains still emit. Stack
/// switching and wide arithmetic are refused there, and therefore here.
const ENVOY_V8: WasmFeatures = WasmFeatures::WASM3.union(WasmFeatures::LEGACY_EXCEPTIONS);

/// The most memory a proxy-wasm host gives to one module (`limits.h` of proxy-wasm-cpp-host).
const MEMORY_BYTES: u64 = 1024 * 1024 * 1024;

/// What is inside a module, as far as a gateway cares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModuleInfo {
    /// Length of the module.
    pub size_bytes: u64,
    /// sha256 of the module, 64 hex digits.
    pub sha256: String,
    /// The proxy-wasm ABI version that it exports, such as `0.2.1`.
    pub abi_version: Option<String>,
    /// The callbacks it exports (`proxy_on_…`), in the module's order.
    pub callbacks: Vec<String>,
    /// What a gateway needs and the module does not export.
    pub missing_exports: Vec<&'static str>,
    /// Imports that no gateway provides to a module of this ABI.
    pub unknown_imports: Vec<ImportName>,
    /// Imports that only Higress provides.
    pub higress_imports: Vec<ImportName>,
    /// WASI imports that older gateways lack.
    pub recent_imports: Vec<ImportName>,
    /// The language it was written in, where the module tells.
    pub language: Option<String>,
    /// The tools that say they made it.
    pub toolchain: Vec<Producer>,
    /// Its linear memory, own or imported.
    pub memory: Option<MemoryInfo>,
}

/// The linear memory of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryInfo {
    /// What it starts with.
    pub initial_bytes: u64,
    /// What it may grow to, where it says.
    pub maximum_bytes: Option<u64>,
    /// Whether its addresses have 64 bits.
    pub is_64_bit: bool,
}

/// Reads and validates a core module and lists what a gateway cares about.
pub fn inspect(module: &[u8]) -> Result<ModuleInfo, ModuleError> {
    ModuleError::check_header(module)?;
    let failed = |error: BinaryReaderError| ModuleError::from_reader(&error, module.len());
    Validator::new_with_features(ENVOY_V8).validate_all(module).map_err(failed)?;
    let contents = ModuleContents::read(module).map_err(failed)?;
    Ok(contents.into_info(module))
}

impl ModuleInfo {
    /// What the name of the export begins with that tells the ABI version.
    pub(super) const ABI_PREFIX: &'static str = "proxy_abi_version_";

    /// Why a gateway refuses the module, or cannot talk to it, one sentence each; empty where it should run.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match self.abi_version.as_deref() {
            None => problems.push(format!(
                "exports no `{}*` function, so Envoy refuses it: build it with a proxy-wasm SDK",
                Self::ABI_PREFIX
            )),
            Some(abi) if abi != HIGRESS_ABI && !ABI_VERSIONS.contains(&abi) => problems.push(format!(
                "proxy-wasm ABI `{abi}` is unknown to gateways, which speak {}",
                ABI_VERSIONS.join(", ")
            )),
            Some(_) => {}
        }
        problems.extend(self.missing_exports.iter().map(|export| format!("does not export {export}")));
        problems.extend(
            self.unknown_imports
                .iter()
                .map(|import| format!("imports `{import}`, which no gateway provides")),
        );
        if let Some(memory) = self.memory.filter(|memory| memory.initial_bytes > MEMORY_BYTES) {
            problems.push(format!(
                "starts with {} bytes of memory; gateways allow {MEMORY_BYTES}",
                memory.initial_bytes
            ));
        }
        if self.size_bytes > Limits::AGENT_BYTES {
            problems.push(format!(
                "has {} bytes; agents stop reading at {}",
                self.size_bytes,
                Limits::AGENT_BYTES
            ));
        }
        problems
    }

    /// What loads in some gateways only, or does nothing, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.abi_version.as_deref() == Some(HIGRESS_ABI) {
            warnings.push(format!("proxy-wasm ABI `{HIGRESS_ABI}` is known to Higress only"));
        }
        if !self.higress_imports.is_empty() {
            warnings.push(format!("imports {}, which only Higress provides", list(&self.higress_imports)));
        }
        if !self.recent_imports.is_empty() {
            warnings.push(format!("imports {}, which older gateways lack", list(&self.recent_imports)));
        }
        if self.memory.is_some_and(|memory| memory.is_64_bit) {
            warnings.push("has a memory with 64-bit addresses; proxy-wasm passes 32-bit pointers".to_owned());
        }
        if self.callbacks.is_empty() {
            warnings.push("exports no `proxy_on_*` callback, so a gateway never calls it".to_owned());
        }
        warnings
    }
}

fn list(imports: &[ImportName]) -> String {
    imports.iter().map(|import| format!("`{import}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::fixtures::{component, module, module_with, plugin_module};
    use crate::oci::Digest;

    #[test]
    fn a_plugin_is_described_whole() {
        let bytes = plugin_module();
        let info = inspect(&bytes).unwrap();
        assert_eq!(info.abi_version.as_deref(), Some("0.2.1"));
        assert_eq!(info.size_bytes, bytes.len() as u64);
        assert_eq!(info.sha256, Digest::sha256(&bytes).hex());
        assert_eq!(info.callbacks, ["proxy_on_request_headers"]);
        assert_eq!(info.language.as_deref(), Some("Rust"));
        assert_eq!(info.toolchain, [Producer { name: "rustc".into(), version: "1.95.0".into() }]);
        assert_eq!(
            info.memory,
            Some(MemoryInfo { initial_bytes: 65536, maximum_bytes: None, is_64_bit: false })
        );
        assert_eq!((info.problems(), info.warnings()), (vec![], vec![]));
    }

    #[test]
    fn each_lack_is_named_with_what_a_gateway_does() {
        let cases = [
            (module(r#"(memory (export "memory") 1)"#), "exports no `proxy_abi_version_*`"),
            (module(r#"(func (export "proxy_abi_version_0_2_1"))"#), "does not export `memory`"),
            (
                module(r#"(memory (export "memory") 1)"#),
                "does not export `malloc` (or `proxy_on_memory_allocate`)",
            ),
            (module(r#"(func (export "proxy_abi_version_9_9_9"))"#), "ABI `9.9.9` is unknown"),
            (module(r#"(import "env" "abort" (func))"#), "imports `env.abort`, which no gateway provides"),
            (module(r#"(import "env" "base" (global i32))"#), "imports `env.base`"),
            (module(r#"(memory (export "memory") 16385)"#), "1073807360 bytes of memory"),
        ];
        for (bytes, expected) in cases {
            let problems = inspect(&bytes).unwrap().problems().join("\n");
            assert!(problems.contains(expected), "{problems}");
        }
    }

    #[test]
    fn what_loads_in_some_gateways_only_is_a_warning() {
        let cases = [
            (
                r#"(import "env" "proxy_redis_init" (func))"#,
                "imports `env.proxy_redis_init`, which only Higress",
            ),
            (r#"(import "wasi_snapshot_preview1" "sched_yield" (func))"#, "which older gateways lack"),
            ("", "exports no `proxy_on_*` callback"),
        ];
        for (extra, expected) in cases {
            let info = inspect(&module_with("0_2_1", extra)).unwrap();
            assert_eq!(info.problems(), Vec::<String>::new(), "{extra}");
            assert!(info.warnings().join("\n").contains(expected), "{:?}", info.warnings());
        }
        let higress = inspect(&module_with("0_2_100", "")).unwrap();
        assert_eq!((higress.abi_version.as_deref(), higress.problems().len()), (Some("0.2.100"), 0));
        assert!(higress.warnings()[0].contains("known to Higress only"));
    }

    #[test]
    fn an_import_must_exist_in_the_modules_own_abi() {
        let old_call = r#"(import "env" "proxy_continue_request" (func))"#;
        assert_eq!(inspect(&module_with("0_1_0", old_call)).unwrap().unknown_imports, []);
        assert_eq!(inspect(&module_with("0_2_1", old_call)).unwrap().unknown_imports.len(), 1);
    }

    #[test]
    fn gos_own_linker_is_known_by_its_build_id() {
        let bytes = module_with("0_2_1", r#"(@custom "go:buildid" "\ff Go build ID: \"x\"")"#);
        assert_eq!(inspect(&bytes).unwrap().language.as_deref(), Some("Go"));
        assert_eq!(inspect(&module_with("0_2_1", "")).unwrap().language, None);
    }

    #[test]
    fn bytes_that_are_no_module_are_told_apart() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let cases: [(&[u8], &str); 9] = [
            (b"", "file has 0 bytes"),
            (b"\0asm", "file has 4 bytes"),
            (&component(), "file is a Wasm component"),
            (b"\0asm\x02\0\0\0", "binary version 2"),
            (b"\x1f\x8b\x08\0\0\0\0\0\0\0", "gzip data"),
            (b"\x7fELF\x02\x01\x01\0", "native ELF binary"),
            (b"(module (memory 1))", "name it `.wat`"),
            (b"<!doctype html>", "HTML"),
            (&tar, "a tar archive"),
        ];
        for (bytes, expected) in cases {
            let message = inspect(bytes).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_cut_module_is_truncated_and_a_broken_one_invalid() {
        let bytes = plugin_module();
        let cut = inspect(&bytes[..bytes.len() - 3]).unwrap_err();
        assert!(matches!(cut, ModuleError::Truncated { .. }), "{cut}");
        for length in 8..bytes.len() {
            let error = match inspect(&bytes[..length]) {
                Ok(info) => {
                    assert!(info.abi_version.is_none() || info.language.is_none());
                    continue;
                }
                Err(error) => error,
            };
            assert!(
                matches!(error, ModuleError::Truncated { .. } | ModuleError::Invalid { .. }),
                "{length}: {error}"
            );
        }
        let mistyped = wasm_encoder::Module::new().finish().into_iter().chain([1, 1, 99]).collect::<Vec<_>>();
        assert!(matches!(
            inspect(&mistyped),
            Err(ModuleError::Truncated { .. } | ModuleError::Invalid { .. })
        ));
    }

    /// Each was given to Envoy 1.40 too, which takes and refuses the same.
    #[test]
    fn a_module_may_use_what_envoys_v8_takes() {
        let taken = [
            "(func (param v128))",
            "(memory 1) (memory 1)",
            "(memory i64 1)",
            "(func $f return_call $f)",
            "(tag $e) (func try throw $e catch $e end)",
            "(tag $e) (func (block $h (try_table (catch $e $h) throw $e)))",
            "(type $s (struct (field i32))) (func (result (ref $s)) i32.const 1 struct.new $s)",
            "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
            "(memory 1) (func (drop (i32.atomic.load (i32.const 0))))",
        ];
        for fields in taken {
            assert!(inspect(&module(fields)).is_ok(), "{fields}");
        }
        let switching = "(type $f (func)) (type $c (cont $f)) (func (param (ref null $c)))";
        let error = inspect(&module(switching)).unwrap_err().to_string();
        assert!(error.contains("invalid at offset") && error.contains("stack switching"), "{error}");
        let wide = inspect(&module("(memory i64 1)")).unwrap();
        assert!(wide.warnings().join("\n").contains("64-bit addresses"));
    }
}
