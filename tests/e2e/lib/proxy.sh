# A proxy that gives a registry trouble, or a door: see faulty_proxy.py.
# shellcheck shell=bash

# start_proxy REGISTRY: sets PROXY (host:port). What it was asked is in `proxy.log`.
start_proxy() {
    local port
    port="$(free_port)"
    PROXY="127.0.0.1:$port"
    fault pass
    python3 -B tests/e2e/lib/faulty_proxy.py "$port" "$1" "$SCRATCH/fault" >>"$SCRATCH/proxy.log" &
    SERVER_PIDS+=($!)
    wait_for_url "http://$PROXY/v2/" $!
}

# fault WORD...: what happens from now on. The log begins anew.
fault() {
    echo "$*" >"$SCRATCH/fault.new"
    mv "$SCRATCH/fault.new" "$SCRATCH/fault"
    : >"$SCRATCH/proxy.log"
}
