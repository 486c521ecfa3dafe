# The measurements. Each records lines of `peer <tab> measure <tab> value`.
# shellcheck shell=bash

ACCEPT='Accept: application/vnd.oci.image.manifest.v1+json'

declare -A MANIFEST BLOB_1MB BLOB_10MB

load() {
    "${CLIENT_CPU[@]}" "$LOAD" "$@"
}

record() {
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$RESULTS"
}

# Gives a server the manifest under one tag, blobs of 1 MB and 10 MB, and many tags where it can bear them.
seed() {
    local size
    for size in 1 10; do
        [ -e "$SCRATCH/blob-$size" ] || head -c "$((size << 20))" /dev/urandom >"$SCRATCH/blob-$size"
    done
    if [ "$1" = nginx ]; then
        curl -fsS -H "$ACCEPT" -o "$SCRATCH/nginx/manifest" "http://${ADDRESS[hwasm]}/v2/bench/plugin/manifests/v0"
        cp "$SCRATCH"/blob-* "$SCRATCH/nginx/"
        MANIFEST[nginx]=/manifest BLOB_1MB[nginx]=/blob-1 BLOB_10MB[nginx]=/blob-10
        return
    fi
    load tags "${ADDRESS[$1]}" bench/plugin --count 1 >/dev/null
    MANIFEST[$1]=/v2/bench/plugin/manifests/v0
    BLOB_1MB[$1]="$(push_file "$1" "$SCRATCH/blob-1")"
    BLOB_10MB[$1]="$(push_file "$1" "$SCRATCH/blob-10")"
    case " ${MANY_TAGS[*]} " in
        *" $1 "*) load tags "${ADDRESS[$1]}" bench/many --count "$TAGS" >/dev/null ;;
    esac
}

# push_file PEER FILE: prints the path of the blob.
push_file() {
    local digest url
    digest="sha256:$(sha256_of "$2")"
    url="$(open_upload "${ADDRESS[$1]}" bench/plugin)"
    curl -fsS -o /dev/null -T "$2" -H 'Expect:' "$(with_digest "$url" "$digest")"
    echo "/v2/bench/plugin/blobs/$digest"
}

measure_reads() {
    local peer
    for peer in "${MANY_TAGS[@]}"; do
        record "$peer" manifest-get-many "$(requests_per_second 16 "$peer" "/v2/bench/many/manifests/v$((TAGS / 2))")"
    done
    for peer in "${PEERS[@]}"; do
        record "$peer" manifest-get "$(requests_per_second 16 "$peer" "${MANIFEST[$peer]}")"
    done
    for peer in "${PEERS[@]}"; do
        record "$peer" blob-1mb-get "$(requests_per_second 8 "$peer" "${BLOB_1MB[$peer]}")"
    done
    for peer in "${PEERS[@]}"; do
        record "$peer" blob-10mb-get "$(requests_per_second 4 "$peer" "${BLOB_10MB[$peer]}")"
    done
}

# requests_per_second CONNECTIONS PEER PATH
requests_per_second() {
    "${CLIENT_CPU[@]}" wrk -t1 "-c$1" "-d${SECONDS_EACH}s" -H "$ACCEPT" "http://${ADDRESS[$2]}$3" >"$SCRATCH/wrk"
    if grep -q -e 'Non-2xx' -e 'Socket errors' "$SCRATCH/wrk"; then
        progress "$2 answered with errors: $(cat "$SCRATCH/wrk")"
        return 1
    fi
    sed -n 's/^Requests\/sec: *//p' "$SCRATCH/wrk"
}

# measure_writes ROUND
measure_writes() {
    local peer
    for peer in "${REGISTRIES[@]}"; do
        record "$peer" push-10mb "$(load push "${ADDRESS[$peer]}" "bench/push-$1" --megabytes 10 --clients 2 --each 10)"
    done
    for peer in "${REGISTRIES[@]}"; do
        record "$peer" manifest-put-ms "$(load manifests "${ADDRESS[$peer]}" "bench/put-$1" --count 100 | cut -d' ' -f1)"
    done
}

# Uses the store with many tags, as the last server left it.
ready_ms() {
    command_of_hwasm
    load ready "http://${ADDRESS[hwasm]}/readyz" -- "${SERVER_CPU[@]}" "${COMMAND[@]}"
}

idle_mb() {
    start_peer hwasm
    sleep 3
    memory_mb VmRSS "$PEER_PID"
    stop_servers
}

# storm_mb PEER: peak memory while 200 clients pull a blob of 10 MB and 8 push 100 MB each, on a fresh store.
storm_mb() {
    rm -rf "${SCRATCH:?}/$1"
    start_peer "$1"
    load storm "${ADDRESS[$1]}" bench/storm >/dev/null
    memory_mb VmHWM "$PEER_PID"
    stop_servers
}

# memory_mb FIELD PID
memory_mb() {
    awk -v field="$1:" '$1 == field { printf "%.1f\n", $2 / 1024 }' "/proc/$2/status"
}

# How often the server asks the disk to keep what it has, for one blob and for one manifest.
count_fsyncs() {
    local before after
    rm -rf "${SCRATCH:?}/$1" "$SCRATCH/trace"
    start_peer "$1"
    load tags "${ADDRESS[$1]}" bench/plugin --count 1 >/dev/null
    strace -f -qq -e trace=fsync,fdatasync,sync_file_range,syncfs -o "$SCRATCH/trace" -p "$PEER_PID" &
    local tracer=$!
    SERVER_PIDS+=("$tracer")
    sleep 1
    push_file "$1" "$SCRATCH/blob-1" >/dev/null
    sleep 1
    before="$(fsyncs)"
    curl -fsS -H "$ACCEPT" "http://${ADDRESS[$1]}/v2/bench/plugin/manifests/v0" |
        curl -fsS -o /dev/null -X PUT --data-binary @- -H "Content-Type: ${ACCEPT#*: }" \
            "http://${ADDRESS[$1]}/v2/bench/plugin/manifests/again"
    sleep 1
    after="$(fsyncs)"
    record "$1" fsync-blob "$before"
    record "$1" fsync-manifest "$((after - before))"
    stop_servers
}

fsyncs() {
    grep -c -E '(fsync|fdatasync|syncfs)\(' "$SCRATCH/trace" || true
}
