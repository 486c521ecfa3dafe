# skopeo copies; the image it pushes as a plugin is one of crane's, turned into Docker's schema 2.
# shellcheck shell=bash

skopeo_push_plugin() {
    tar -C "$(dirname "$1")" -czf "$SCRATCH/skopeo-layer.tar.gz" plugin.wasm
    crane append --oci-empty-base -f "$SCRATCH/skopeo-layer.tar.gz" -t example/plugin:1 -o "$SCRATCH/skopeo-image.tar"
    skopeo copy --format v2s2 --dest-tls-verify=false "docker-archive:$SCRATCH/skopeo-image.tar" "docker://$2"
}

skopeo_pull_layout() {
    skopeo copy --preserve-digests --src-tls-verify=false "docker://$1" "oci:$2:pulled"
}

skopeo_push_layout() {
    skopeo copy --preserve-digests --dest-tls-verify=false "oci:$1:pulled" "docker://$2"
}
