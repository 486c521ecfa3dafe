# buildah builds the way plugin authors do, `FROM scratch` and one `COPY`. It stores layers unpacked, so what it pushes
# again has another digest, and an artifact is nothing to it; it takes part with images, compared by their file.
# shellcheck shell=bash

plain_buildah() {
    as_root buildah --root "$SCRATCH/buildah/root" --runroot "$SCRATCH/buildah/run" --storage-driver vfs "$@"
}

buildah_push_plugin() {
    printf 'FROM scratch\nCOPY plugin.wasm plugin.wasm\n' >"$SCRATCH/Containerfile"
    plain_buildah bud --isolation chroot -t plugin -f "$SCRATCH/Containerfile" "$(dirname "$1")"
    plain_buildah push --tls-verify=false --format oci plugin "docker://$2"
}

buildah_pull_plugin() {
    local container folder
    plain_buildah pull -q --tls-verify=false "docker://$1"
    container="$(plain_buildah from --pull-never "$1")"
    folder="$(plain_buildah mount "$container")"
    as_root cat "$folder/plugin.wasm" >"$2"
    plain_buildah rm "$container"
}
