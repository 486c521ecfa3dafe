# OCI image layouts on disk, and digests in the registry.
# shellcheck shell=bash

# layout_holds DIR DIGEST: every blob hashes to its name, and the layout's image is the one expected.
layout_holds() {
    local blob
    for blob in "$1"/blobs/sha256/*; do
        equal "$(basename "$blob")" "$(sha256_of "$blob")"
    done
    equal "$2" "$(jq -r '.manifests[0].digest' "$1/index.json")"
}

# digest_in_registry REPOSITORY:TAG: of the manifest's bytes, not what the server says about them.
digest_in_registry() {
    local repository=${1%:*} tag=${1##*:}
    curl -fsS -o "$SCRATCH/manifest" "http://$REGISTRY/v2/$repository/manifests/$tag" &&
        echo "sha256:$(sha256_of "$SCRATCH/manifest")"
}
