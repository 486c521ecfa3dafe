# umoci writes its layers as tar files without the closing blocks, which GNU tar refuses; skopeo carries them.
# shellcheck shell=bash

umoci_push_plugin() {
    umoci init --layout "$SCRATCH/umoci"
    umoci new --image "$SCRATCH/umoci:plugin"
    umoci insert --rootless --image "$SCRATCH/umoci:plugin" "$1" /plugin.wasm
    skopeo copy --dest-tls-verify=false "oci:$SCRATCH/umoci:plugin" "docker://$2"
}
