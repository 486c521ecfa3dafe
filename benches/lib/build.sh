# The release builds that are measured, and what measures them.
# shellcheck shell=bash

build_release() {
    cargo build --release --locked --bin hwasm-registry
}

# bench_program NAME: builds it. Its path ends in a hash that only cargo knows.
bench_program() {
    cargo bench --locked --bench "$1" --no-run --message-format=json |
        jq -r --arg name "$1" 'select(.target.name == $name and .executable) | .executable'
}
