# A gateway on loopback: our agent, an Envoy that takes its plugins from it, and what both say of themselves.
# shellcheck shell=bash

# What the agent watches.
PLUGINS="$SCRATCH/wasmplugins"
# The gateway's line.
LINE=seed
# More flags of `agent`, and of `agent bootstrap`.
AGENT_FLAGS=() BOOTSTRAP_FLAGS=()
# More flags of Envoy.
ENVOY_FLAGS=()
mkdir -p "$PLUGINS"

# push_version WORD REFERENCE: the example, with the header `x-WORD`; at most five letters.
push_version() {
    local dir="$SCRATCH/version-$1" name
    rm -rf "$dir" && cp -r "$EXAMPLE" "$dir"
    # The header's name has a fixed length in the module's memory.
    name="$(printf 'x-%-5s' "$1" | tr ' ' '-')"
    sed -i "s/\"x-hello\"/\"$name\"/" "$dir/plugin.wat"
    "$HWASM" push --quiet --yes "$dir" "$2" >/dev/null
}

# wasmplugin NAME REFERENCE VALUE [LINE...]: put in place in one step, as an editor does. The LINEs go into its `spec`.
wasmplugin() {
    local api=extensions.higress.io namespace=higress-system config=defaultConfig
    case "$LINE" in
        istio-*) api=extensions.istio.io namespace=istio-system config=pluginConfig ;;
    esac
    cat >"$SCRATCH/plugin.new" <<YAML
apiVersion: $api/v1alpha1
kind: WasmPlugin
metadata: {name: $1, namespace: $namespace}
spec:
  url: oci://$2
  $config: {value: "$3"}
$(shift 3 && [ $# -eq 0 ] || printf '  %s\n' "$@")
YAML
    mv "$SCRATCH/plugin.new" "$PLUGINS/$1.yaml"
}

start_agent() {
    XDS="${XDS:-127.0.0.1:$(free_port)}" STATUS="${STATUS:-127.0.0.1:$(free_port)}"
    "$HWASM" agent --wasmplugins "$PLUGINS" --listen "$XDS" --status-listen "$STATUS" --cache "$SCRATCH/modules" \
        --line "$LINE" "${AGENT_FLAGS[@]}" >>"$SCRATCH/agent.log" 2>&1 &
    AGENT_PID=$!
    SERVER_PIDS+=("$AGENT_PID")
    wait_for_url "http://$STATUS/healthz" "$AGENT_PID"
}

stop_agent() {
    kill -TERM "$AGENT_PID"
    wait "$AGENT_PID"
}

start_envoy() {
    INGRESS="${INGRESS:-127.0.0.1:$(free_port)}" ADMIN="${ADMIN:-127.0.0.1:$(free_port)}"
    bootstrap >"$SCRATCH/envoy.json"
    run_envoy "$SCRATCH/envoy.json"
}

# bootstrap: the configuration, as JSON. A suite that needs another redefines this.
bootstrap() {
    printed_bootstrap
}

printed_bootstrap() {
    "$HWASM" agent bootstrap --wasmplugins "$PLUGINS" --agent "$XDS" --listen "$INGRESS" --admin "$ADMIN" --line "$LINE" \
        "${BOOTSTRAP_FLAGS[@]}" --format json
}

# run_envoy FILE: sets ENVOY_PID. Its administration is to be at ADMIN.
run_envoy() {
    "$ENVOY" -c "$1" --disable-hot-restart --concurrency 1 -l warning "${ENVOY_FLAGS[@]}" >>"$SCRATCH/envoy.log" 2>&1 &
    ENVOY_PID=$!
    SERVER_PIDS+=("$ENVOY_PID")
    wait_for_url "http://$ADMIN/ready" "$ENVOY_PID"
}

# At once, and without a word from the shell.
kill_envoy() {
    kill -KILL "$ENVOY_PID"
    wait "$ENVOY_PID" 2>/dev/null || true
}

# headers: what plugins added to an answer, in order.
headers() {
    curl -si --max-time 5 "http://$INGRESS/" | plugin_headers
}

plugin_headers() {
    tr -d '\r' | sed -nE '/^x-envoy-/d; s/^(x-[a-z]+)-*:/\1:/p'
}

# answer: an answer's status and what plugins added, in one line.
answer() {
    curl -si --max-time 5 "http://$INGRESS/" >"$SCRATCH/answer"
    { head -n 1 "$SCRATCH/answer" | cut -d' ' -f2; plugin_headers <"$SCRATCH/answer"; } | paste -sd' '
}

# answers HEADERS [SECONDS]: within ten seconds, or as many as are given.
answers() {
    becomes "$1" headers "${2:-10}"
}

# becomes EXPECTED COMMAND [SECONDS]: within ten seconds, or as many as are given, that is what the command prints.
becomes() {
    local end=$((SECONDS + ${3:-10})) got
    while got="$("$2" || true)" && [ "$got" != "$1" ]; do
        [ "$SECONDS" -lt "$end" ] || {
            tail -n 5 "$SCRATCH/agent.log"
            equal "$1" "$got"
            return
        }
        sleep 0.1
    done
}

# stays HEADERS: for two seconds, in which the agent has looked at its directory several times.
stays() {
    for _ in $(seq 20); do
        equal "$1" "$(headers)"
        sleep 0.1
    done
}

# keeps HEADERS FILTER: no request gets another answer until FILTER is true of the status, in 20 seconds at most.
keeps() {
    local end=$((SECONDS + 20))
    until status_is "$2"; do
        equal "$1" "$(headers)"
        [ "$SECONDS" -lt "$end" ] || {
            cat "$SCRATCH/status.json"
            return 1
        }
        sleep 0.1
    done
    equal "$1" "$(headers)"
}

# status_says FILTER: jq's answer is true within five seconds.
status_says() {
    for _ in $(seq 50); do
        status_is "$1" && return
        sleep 0.1
    done
    cat "$SCRATCH/status.json"
    return 1
}

status_is() {
    "$HWASM" agent status --at "$STATUS" --format json >"$SCRATCH/status.json"
    [ "$(jq "$1" "$SCRATCH/status.json")" = true ]
}
