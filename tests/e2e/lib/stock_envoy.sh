# What makes plugins of Higress's Go SDK run in a stock Envoy, which is not Higress's.
# shellcheck shell=bash

# build_go_plugin_for_stock_envoy DIR FILE: the plugin in DIR, with one name changed in the SDK. The version of the ABI that
# modules of the SDK ask for, 0.2.100, is 0.2.1 with additions, and a module that uses none of these imports none of them.
# All else, the matcher above all, is the SDK's as it was published.
build_go_plugin_for_stock_envoy() {
    local dir=$1 file=$2 sdk=github.com/higress-group/proxy-wasm-go-sdk copy="$SCRATCH/go-sdk"
    mkdir -p "$copy" "$(dirname "$file")"
    (
        cd "$dir" || exit
        go mod download "$sdk"
        cp -R "$(go list -m -f '{{.Dir}}' "$sdk")/." "$copy"
        # What Go downloads is read-only.
        chmod -R u+w "$copy"
        sed -i 's/proxy_abi_version_0_2_100/proxy_abi_version_0_2_1/' "$copy/proxywasm/internal/abi_callback_version.go"
        cp go.mod "$SCRATCH/stock-envoy.mod"
        cp go.sum "$SCRATCH/stock-envoy.sum"
        go mod edit -replace "$sdk=$copy" "$SCRATCH/stock-envoy.mod"
        GOOS=wasip1 GOARCH=wasm GOFLAGS=-buildvcs=false go build -modfile "$SCRATCH/stock-envoy.mod" \
            -buildmode=c-shared -trimpath -ldflags='-s -w' -o "$file" .
    )
}
