# The table, from the recorded values: medians, and the ratio to the peer that the row is about.
# shellcheck shell=bash

report_machine() {
    printf '%s x %s, %s GB, Linux %s; rustc %s, nginx %s, docker-registry %s, crane %s, olareg %s, wrk %s\n\n' \
        "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
        "$(awk '/MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)" "$(uname -r)" \
        "$(rustc --version | cut -d' ' -f2)" "$(version_of nginx-light)" "$(version_of docker-registry)" \
        "${CRANE##*@}" "$(sed -n 's/.*olareg\/olareg //p' benches/olareg/go.mod | tail -n 1)" "$(version_of wrk)"
}

version_of() {
    dpkg-query -W -f='${Version}' "$1"
}

report() {
    printf '%s rounds, medians; %s s of wrk for each figure\n\n' "$ROUNDS" "$SECONDS_EACH"
    printf '| measure | ours | nginx | docker-registry | crane | olareg | compared | ratio |\n'
    printf '|---|--:|--:|--:|--:|--:|---|--:|\n'
    row "manifest GET by tag, 1 tag, c=16 (req/s)" manifest-get crane
    row "manifest GET by tag, $TAGS tags, c=16 (req/s)" manifest-get-many crane
    row "blob GET 1 MB, c=8 (req/s)" blob-1mb-get nginx
    row "blob GET 10 MB, c=4 (req/s)" blob-10mb-get nginx
    row "push 10 MB, POST+PUT, 2 clients (MB/s)" push-10mb docker
    row "manifest PUT, serial (ms)" manifest-put-ms docker
    row "fsyncs for a blob" fsync-blob docker
    row "fsyncs for a manifest" fsync-manifest docker
    row "ready after start, $TAGS manifests (ms)" ready-ms ""
    row "ready after kill -9 (ms)" ready-after-crash-ms ""
    row "idle, $TAGS manifests (RSS, MB)" idle-mb ""
    row "200 pull 10 MB, 8 push 100 MB (peak RSS, MB)" storm-mb docker
}

# row TITLE MEASURE COMPARED
row() {
    local peer line="| $1 |"
    for peer in hwasm nginx docker crane olareg; do
        line+=" $(values "$peer" "$2" | median) |"
    done
    printf '%s %s | %s |\n' "$line" "$3" "$(paste <(values hwasm "$2") <(values "${3:-none}" "$2") |
        awk '$2 > 0 { print $1 / $2 }' | median 2)"
}

# values PEER MEASURE: one a line, in the order of the rounds.
values() {
    awk -F'\t' -v peer="$1" -v measure="$2" '$1 == peer && $2 == measure { print $3 }' "$RESULTS"
}

# median [DECIMALS]: of the numbers on standard input, with more digits for small ones.
median() {
    sort -n | awk -v decimals="${1:-}" '{ v[NR] = $1 } END { if (NR) {
        m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
        printf("%.*f", decimals != "" ? decimals : m >= 100 ? 0 : 1, m) } }'
}
