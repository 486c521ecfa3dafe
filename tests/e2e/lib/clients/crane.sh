# crane, which speaks plain http to loopback by itself.
# shellcheck shell=bash

crane_push_plugin() {
    tar -C "$(dirname "$1")" -czf "$SCRATCH/crane-layer.tar.gz" plugin.wasm
    crane append --oci-empty-base -f "$SCRATCH/crane-layer.tar.gz" -t "$2"
}

crane_pull_layout() {
    crane pull --format=oci "$1" "$2"
}

crane_push_layout() {
    crane push "$1" "$2"
}
