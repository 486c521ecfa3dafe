# Starting and stopping servers on loopback.
# shellcheck shell=bash

SERVER_PIDS=()

# start_registry DATA_DIR [FLAG...]: starts ours on a free port, waits until it is ready.
# Sets REGISTRY (host:port) and REGISTRY_PID. The log goes to DATA_DIR.log.
start_registry() {
    REGISTRY="127.0.0.1:$(free_port)"
    run_registry "$@"
}

# run_registry DATA_DIR [FLAG...]: the same, at REGISTRY.
run_registry() {
    local data_dir=$1
    shift
    "$HWASM" serve --listen "$REGISTRY" --data-dir "$data_dir" "$@" >>"$data_dir.log" 2>&1 &
    REGISTRY_PID=$!
    SERVER_PIDS+=("$REGISTRY_PID")
    wait_for_url "http://$REGISTRY/readyz" "$REGISTRY_PID" || {
        cat "$data_dir.log"
        return 1
    }
}

# Ends the running registry as an init system would, and waits until it is gone.
stop_registry() {
    kill -TERM "$REGISTRY_PID"
    wait "$REGISTRY_PID"
}

stop_servers() {
    local pid
    for pid in "${SERVER_PIDS[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    SERVER_PIDS=()
}

# wait_for_url URL PID: until it answers 200, at most 20 s, and only while the process lives.
wait_for_url() {
    local deadline=$((SECONDS + 20))
    until [ "$(curl -s -o /dev/null -w '%{http_code}' "$1")" = 200 ]; do
        kill -0 "$2" 2>/dev/null || { echo "the server ended before $1 answered"; return 1; }
        [ "$SECONDS" -lt "$deadline" ] || { echo "$1 did not answer 200 within 20 s"; return 1; }
        sleep 0.05
    done
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
