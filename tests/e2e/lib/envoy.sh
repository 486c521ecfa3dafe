# A real Envoy on loopback that runs one plugin in front of a fixed answer.
# shellcheck shell=bash

# envoy_config MODULE CONFIGURATION PORT: MODULE is Envoy's way to find the code, as JSON.
envoy_config() {
    jq -n --argjson code "$1" --arg configuration "$2" --argjson port "$3" --argjson registry "${REGISTRY##*:}" '
        def type(name): {"@type": ("type.googleapis.com/" + name)};
        def address(port): {socket_address: {address: "127.0.0.1", port_value: port}};
        {static_resources: {
            listeners: [{name: "in", address: address($port), filter_chains: [{filters: [{
                name: "http",
                typed_config: (type("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager") + {
                    stat_prefix: "in",
                    route_config: {virtual_hosts: [{name: "all", domains: ["*"], routes: [{
                        match: {prefix: "/"}, direct_response: {status: 200, body: {inline_string: "served\n"}}}]}]},
                    http_filters: [
                        {name: "plugin", typed_config: (type("envoy.extensions.filters.http.wasm.v3.Wasm") + {config: {
                            name: "plugin", root_id: "plugin",
                            vm_config: {vm_id: "plugin", runtime: "envoy.wasm.runtime.v8", code: $code},
                            configuration: (type("google.protobuf.StringValue") + {value: $configuration})}})},
                        {name: "router", typed_config: type("envoy.extensions.filters.http.router.v3.Router")}]})}]}]}],
            clusters: [{name: "registry", type: "STATIC", load_assignment: {cluster_name: "registry", endpoints: [
                {lb_endpoints: [{endpoint: {address: address($registry)}}]}]}}]}}'
}

# from_file FILE
from_file() {
    jq -n --arg file "$1" '{local: {filename: $file}}'
}

# from_registry PATH FILE: Envoy fetches PATH itself and holds it to the sha256 of FILE.
from_registry() {
    jq -n --arg uri "http://$REGISTRY$1" --arg sha256 "$(sha256_of "$2")" \
        '{remote: {http_uri: {uri: $uri, cluster: "registry", timeout: "10s"}, sha256: $sha256}}'
}

# answer_through_envoy MODULE CONFIGURATION: the headers and body of one request, with the plugin in its way.
answer_through_envoy() {
    local port pid
    port="$(free_port)"
    envoy_config "$1" "$2" "$port" >"$SCRATCH/envoy-$port.json"
    "$ENVOY" -c "$SCRATCH/envoy-$port.json" --disable-hot-restart --concurrency 1 -l warning \
        >"$SCRATCH/envoy-$port.log" 2>&1 &
    pid=$!
    # Until the module runs Envoy refuses connections or answers 5xx, so a 200 has passed through the plugin.
    until curl -sif "http://127.0.0.1:$port/" >"$SCRATCH/envoy-$port.answer" || envoy_gave_up "$pid" "$port"; do
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    cat "$SCRATCH/envoy-$port.log" >&2
    cat "$SCRATCH/envoy-$port.answer"
}

# envoy_gave_up PID PORT: it ended, or it lives on without the plugin.
envoy_gave_up() {
    ! kill -0 "$1" 2>/dev/null || grep -q 'failed to load' "$SCRATCH/envoy-$2.log"
}
