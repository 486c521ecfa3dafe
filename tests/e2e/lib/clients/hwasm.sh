# Our own command line.
# shellcheck shell=bash

hwasm_push_plugin() {
    "$HWASM" push "$1" "$2"
}

hwasm_pull_plugin() {
    "$HWASM" pull "$1" -o "$2"
}

hwasm_pull_layout() {
    "$HWASM" copy "$1" "oci:$2:pulled"
}

hwasm_push_layout() {
    "$HWASM" copy "oci:$1:pulled" "$2"
}
