# regctl, with artifacts like those of oras.
# shellcheck shell=bash

plain_regctl() {
    regctl --host "reg=$REGISTRY,tls=disabled" "$@"
}

regctl_push_plugin() {
    printf '{"type":"envoy_proxy"}' >"$SCRATCH/regctl-config.json"
    plain_regctl artifact put --artifact-type application/vnd.module.wasm.config.v1+json \
        --file "$SCRATCH/regctl-config.json" --file-media-type application/vnd.module.wasm.config.v1+json \
        --file "$1" --file-media-type application/vnd.module.wasm.content.layer.v1+wasm "$2"
}

regctl_pull_layout() {
    plain_regctl image copy "$1" "ocidir://$2:pulled"
}

regctl_push_layout() {
    plain_regctl image copy "ocidir://$1:pulled" "$2"
}
