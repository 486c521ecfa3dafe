use indicatif::HumanBytes;

use crate::artifact::{ModuleInfo, PluginSpec};

use super::output::{Paint, printable};

/// What is inside a module, one fact a line.
pub(super) fn module_lines(paint: Paint, module: &ModuleInfo) -> String {
    let unknown = || "not told".to_owned();
    let toolchain = module
        .toolchain
        .iter()
        .map(|tool| format!("{} {}", tool.name, tool.version).trim_end().to_owned())
        .collect::<Vec<_>>()
        .join(", ");
    let lines = [
        fact("size", &HumanBytes(module.size_bytes).to_string()),
        fact("sha256", &module.sha256),
        fact("proxy-wasm ABI", &module.abi_version.as_deref().map_or_else(|| paint.bad("none"), printable)),
        fact("language", &module.language.as_deref().map_or_else(unknown, printable)),
        fact("toolchain", &if toolchain.is_empty() { unknown() } else { printable(&toolchain) }),
        fact("memory", &memory(module)),
        fact("callbacks", &printable(&module.callbacks.join(" "))),
    ];
    lines.join("\n")
}

/// What `spec.yaml` says of the plugin, one fact a line; of its schemas, that there are any.
pub(super) fn spec_lines(spec: &PluginSpec) -> String {
    let yes = |schema: bool| schema.then(|| "yes".to_owned());
    let lines = [
        ("name", spec.name.clone()),
        ("version", spec.version.clone()),
        ("title", spec.title.clone()),
        ("category", spec.category.clone()),
        ("phase", spec.phase.clone()),
        ("priority", spec.priority.map(|priority| priority.to_string())),
        ("config schema", yes(spec.config_schema.is_some())),
        ("rule schema", yes(spec.route_config_schema.is_some())),
    ];
    let said = lines.iter().filter_map(|(title, value)| Some(fact(title, &printable(value.as_deref()?))));
    said.collect::<Vec<_>>().join("\n")
}

fn fact(title: &str, value: &str) -> String {
    format!("  {title:<14} {value}").trim_end().to_owned()
}

fn memory(module: &ModuleInfo) -> String {
    let Some(memory) = module.memory else { return "none".to_owned() };
    let maximum =
        memory.maximum_bytes.map_or("no limit".to_owned(), |bytes| format!("at most {}", HumanBytes(bytes)));
    format!("{} at start, {maximum}", HumanBytes(memory.initial_bytes))
}

/// What keeps gateways from running the module, and what only some of them do, one sentence a line.
pub(super) fn finding_lines(paint: Paint, problems: &[String], warnings: &[String]) -> String {
    let problems = problems.iter().map(|text| format!("  {} {}", paint.bad("problem:"), printable(text)));
    let warnings = warnings.iter().map(|text| format!("  {} {}", paint.caution("warning:"), printable(text)));
    problems.chain(warnings).collect::<Vec<_>>().join("\n")
}
