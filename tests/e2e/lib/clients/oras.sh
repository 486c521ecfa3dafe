# oras makes artifacts: here the two layers that gateways take, the module's configuration and the module.
# shellcheck shell=bash

oras_push_plugin() {
    cd "$(dirname "$1")" || return
    printf '{"type":"envoy_proxy"}' >config.json
    oras push --plain-http "$2" config.json:application/vnd.module.wasm.config.v1+json \
        plugin.wasm:application/vnd.module.wasm.content.layer.v1+wasm
}

oras_pull_layout() {
    oras copy --from-plain-http "$1" --to-oci-layout "$2:pulled"
}

oras_push_layout() {
    oras copy --from-oci-layout "$1:pulled" --to-plain-http "$2"
}
