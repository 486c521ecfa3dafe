# What every end-to-end suite starts with: a scratch directory, checks that are counted, servers that are stopped.
# shellcheck shell=bash

# Without it a command that fails within `$(…)` goes unnoticed, and two that fail alike are equal.
shopt -s inherit_errexit

cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=tests/e2e/lib/tools.sh
. tests/e2e/lib/tools.sh
# shellcheck source=tests/e2e/lib/server.sh
. tests/e2e/lib/server.sh

HWASM="${HWASM:-$TARGET/debug/hwasm-registry}"
CHECKS="${CHECKS:-/dev/null}"
SCRATCH="$(mktemp -d)"
FAILED=0
# What Go has downloaded and built is kept, wherever HOME points.
GOMODCACHE="$(go env GOMODCACHE)" GOCACHE="$(go env GOCACHE)"
export GOMODCACHE GOCACHE
# No test reads or writes the credentials, the configuration or the store of whoever runs it.
export HOME="$SCRATCH/home" XDG_CONFIG_HOME="$SCRATCH/home/.config" XDG_DATA_HOME="$SCRATCH/home/.local/share"
export REGISTRY_AUTH_FILE="$SCRATCH/home/auth.json"
mkdir -p "$HOME" && echo '{}' >"$REGISTRY_AUTH_FILE"
trap 'leave $?' EXIT

# check NAME COMMAND...: one counted check. Its output is shown only when it fails. The command runs in a subshell
# under `set -e`, so a function of several lines fails at its first failing line.
check() {
    local name=$1 status
    shift
    set +e
    (set -e; "$@") >"$SCRATCH/check.log" 2>&1
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        printf '  ok    %s\n' "$name"
        echo pass >>"$CHECKS"
    else
        printf '  FAIL  %s (exit code %d)\n' "$name" "$status"
        tail -n 60 "$SCRATCH/check.log" | sed 's/^/        /'
        echo fail >>"$CHECKS"
        FAILED=$((FAILED + 1))
    fi
}

# A suite that stops half-way has failed, even if no check of its own did.
leave() {
    local status=$1
    stop_servers
    clean_up
    if [ "$status" -ne 0 ] && [ "$FAILED" -eq 0 ]; then
        printf '  FAIL  the suite stopped early (exit code %d)\n' "$status"
        echo fail >>"$CHECKS"
    fi
    if [ -n "${KEEP_SCRATCH:-}" ]; then echo "kept $SCRATCH"; else rm -rf "$SCRATCH"; fi
    [ "$status" -eq 0 ] && [ "$FAILED" -gt 0 ] && status=1
    exit "$status"
}

# A suite with something of its own to clean up redefines this.
clean_up() { :; }

# equal EXPECTED ACTUAL
equal() {
    [ "$1" = "$2" ] || {
        printf 'expected: %s\n     got: %s\n' "$1" "$2"
        return 1
    }
}

# contains TEXT PART
contains() {
    case "$1" in
        *"$2"*) ;;
        *)
            printf 'expected to find: %s\n              in: %s\n' "$2" "$1"
            return 1
            ;;
    esac
}

# fails COMMAND...: passes if the command does not; its output is passed on.
fails() {
    ! "$@"
}

sha256_of() {
    sha256sum "$1" | cut -d' ' -f1
}
