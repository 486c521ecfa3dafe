# The plugins that the suites push.
# shellcheck shell=bash disable=SC2034 # the names are for who sources this

# The example that users meet first: adds `x-hello: hello`, or the value that its configuration names.
EXAMPLE=examples/response-header

# build_go_plugin FILE: go-stamp, written against Higress's Go SDK; about 6 MB.
build_go_plugin() {
    mkdir -p "$(dirname "$1")"
    (cd tests/plugins/go-stamp && GOOS=wasip1 GOARCH=wasm GOFLAGS=-buildvcs=false \
        go build -buildmode=c-shared -trimpath -ldflags='-s -w' -o "$1" .)
}
