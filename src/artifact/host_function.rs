//! The functions that gateways offer to a module, by proxy-wasm ABI version.
//!
//! Sources: the proxy-wasm ABI specifications 0.1.0, 0.2.0 and 0.2.1, the registration lists of proxy-wasm-cpp-host
//! (upstream and Higress's fork), and WASI snapshot preview1.

use std::fmt;

use serde::Serialize;

/// One import of a module: `module.name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ImportName {
    /// The module part, such as `env`.
    pub module: String,
    /// The name part, such as `proxy_log`.
    pub name: String,
}

impl fmt::Display for ImportName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

/// Which gateways offer a function to a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfferedBy {
    /// Every proxy-wasm gateway.
    All,
    /// Those that added the rest of WASI for Go's own compiler (proxy-wasm-cpp-host of 2025 and 2026).
    Recent,
    /// Higress alone.
    Higress,
    /// None, at least not to a module of this ABI.
    None,
}

/// Who offers the function `name` of `module` to a module of ABI `abi`, such as `0.2.1`.
pub(super) fn offered_by(abi: Option<&str>, module: &str, name: &str) -> OfferedBy {
    match module {
        "env" => env_function(abi, name),
        "wasi_snapshot_preview1" | "wasi_unstable" if WASI.contains(&name) => OfferedBy::All,
        "wasi_snapshot_preview1" | "wasi_unstable" if WASI_RECENT.contains(&name) => OfferedBy::Recent,
        _ => OfferedBy::None,
    }
}

fn env_function(abi: Option<&str>, name: &str) -> OfferedBy {
    if matches!(name, "pthread_equal" | "emscripten_notify_memory_growth") {
        return OfferedBy::All;
    }
    let Some(function) = name.strip_prefix("proxy_") else { return OfferedBy::None };
    // A module without a known ABI version never gets this far in a gateway; its imports are judged leniently.
    let of = |versions: &[&str]| abi.is_none_or(|abi| versions.contains(&abi));
    let offered = match function {
        "get_configuration" | "continue_request" | "continue_response" | "clear_route_cache" => {
            of(&["0.1.0"])
        }
        "continue_stream" | "close_stream" => of(&["0.2.0", "0.2.1", HIGRESS_ABI]),
        "get_log_level" => of(&["0.2.1", HIGRESS_ABI]),
        _ => PROXY.contains(&function),
    };
    match function {
        _ if offered => OfferedBy::All,
        "redis_init" | "redis_call" | "inject_encoded_data_to_filter_chain" => OfferedBy::Higress,
        "get_upstream_hosts" | "set_upstream_override_host" if of(&["0.2.1", HIGRESS_ABI]) => {
            OfferedBy::Higress
        }
        _ => OfferedBy::None,
    }
}

/// The ABI versions that every gateway knows.
pub(super) const ABI_VERSIONS: [&str; 3] = ["0.1.0", "0.2.0", "0.2.1"];

/// The ABI version that only Higress's host knows.
pub(super) const HIGRESS_ABI: &str = "0.2.100";

/// Functions of every ABI version, without their `proxy_`.
const PROXY: [&str; 36] = [
    "add_header_map_value",
    "call_foreign_function",
    "define_metric",
    "dequeue_shared_queue",
    "done",
    "enqueue_shared_queue",
    "get_buffer_bytes",
    "get_buffer_status",
    "get_current_time_nanoseconds",
    "get_header_map_pairs",
    "get_header_map_size",
    "get_header_map_value",
    "get_metric",
    "get_property",
    "get_shared_data",
    "get_status",
    "grpc_call",
    "grpc_cancel",
    "grpc_close",
    "grpc_send",
    "grpc_stream",
    "http_call",
    "increment_metric",
    "log",
    "record_metric",
    "register_shared_queue",
    "remove_header_map_value",
    "replace_header_map_value",
    "resolve_shared_queue",
    "send_local_response",
    "set_buffer_bytes",
    "set_effective_context",
    "set_header_map_pairs",
    "set_property",
    "set_shared_data",
    "set_tick_period_milliseconds",
];

/// What proxy-wasm hosts have offered of WASI from the start.
const WASI: [&str; 15] = [
    "args_get",
    "args_sizes_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_close",
    "fd_fdstat_get",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_read",
    "fd_seek",
    "fd_write",
    "path_open",
    "proc_exit",
    "random_get",
];

/// The rest of WASI snapshot preview1, except for what Envoy 1.40 refuses to link: it has no `proc_raise`, and gives
/// `path_link` and `path_symlink` one parameter too few.
const WASI_RECENT: [&str; 28] = [
    "clock_res_get",
    "fd_advise",
    "fd_allocate",
    "fd_datasync",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_pwrite",
    "fd_readdir",
    "fd_renumber",
    "fd_sync",
    "fd_tell",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_unlink_file",
    "poll_oneoff",
    "sched_yield",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_offered_by_module_name_and_abi() {
        let cases = [
            (Some("0.2.1"), "env", "proxy_log", OfferedBy::All),
            (Some("0.2.1"), "env", "proxy_get_log_level", OfferedBy::All),
            (Some("0.2.0"), "env", "proxy_get_log_level", OfferedBy::None),
            (Some("0.1.0"), "env", "proxy_continue_request", OfferedBy::All),
            (Some("0.2.1"), "env", "proxy_continue_request", OfferedBy::None),
            (Some("0.1.0"), "env", "proxy_continue_stream", OfferedBy::None),
            (None, "env", "proxy_continue_stream", OfferedBy::All),
            (Some("0.2.100"), "env", "proxy_continue_stream", OfferedBy::All),
            (Some("0.2.1"), "env", "proxy_redis_call", OfferedBy::Higress),
            (Some("0.2.1"), "env", "proxy_inject_encoded_data_to_filter_chain", OfferedBy::Higress),
            (Some("0.2.1"), "env", "proxy_get_upstream_hosts", OfferedBy::Higress),
            (Some("0.2.0"), "env", "proxy_get_upstream_hosts", OfferedBy::None),
            (Some("0.2.1"), "env", "abort", OfferedBy::None),
            (Some("0.2.1"), "env", "pthread_equal", OfferedBy::All),
            (Some("0.2.1"), "wasi_snapshot_preview1", "fd_write", OfferedBy::All),
            (Some("0.2.1"), "wasi_unstable", "fd_write", OfferedBy::All),
            (Some("0.2.1"), "wasi_snapshot_preview1", "poll_oneoff", OfferedBy::Recent),
            (Some("0.2.1"), "wasi_snapshot_preview1", "path_link", OfferedBy::None),
            (Some("0.2.1"), "wasi_snapshot_preview1", "proxy_log", OfferedBy::None),
            (Some("0.2.1"), "gojs", "runtime.ticks", OfferedBy::None),
        ];
        for (abi, module, name, expected) in cases {
            assert_eq!(offered_by(abi, module, name), expected, "{module}.{name} for {abi:?}");
        }
    }
}
