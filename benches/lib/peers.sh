# The servers that are compared: how each is started, on which port, and what it takes part in.
# shellcheck shell=bash disable=SC2034 # the names are for who sources this

PEERS=(hwasm nginx docker crane olareg)
REGISTRIES=(hwasm docker crane olareg)
# docker-registry takes 16 ms for each tag, and olareg reads all tags of a repository for each request.
MANY_TAGS=(hwasm crane)

declare -A ADDRESS

SERVER_CPU=() CLIENT_CPU=()
if [ "$(nproc)" -ge 2 ]; then
    SERVER_CPU=(taskset -c 0) CLIENT_CPU=(taskset -c 1)
fi

# olareg refuses `go install`, since the module proxy has no list of its versions; named in a go.mod it builds.
install_olareg() {
    [ -x "$TOOLS/bin/olareg" ] || go build -C benches/olareg -o "$TOOLS/bin/olareg" github.com/olareg/olareg/cmd/olareg
}

# start_peer NAME: on a free port, with an empty store, or with the one it had before.
start_peer() {
    local path=/v2/
    ADDRESS[$1]="127.0.0.1:$(free_port)"
    mkdir -p "$SCRATCH/$1"
    "command_of_$1"
    [ "$1" != nginx ] || path=/empty
    "${SERVER_CPU[@]}" "${COMMAND[@]}" >>"$SCRATCH/$1.log" 2>&1 &
    PEER_PID=$!
    SERVER_PIDS+=("$PEER_PID")
    wait_for_url "http://${ADDRESS[$1]}$path" "$PEER_PID" || { tail "$SCRATCH/$1.log" >&2; return 1; }
}

command_of_hwasm() {
    COMMAND=("$HWASM" serve --listen "${ADDRESS[hwasm]}" --data-dir "$SCRATCH/hwasm")
}

command_of_crane() {
    COMMAND=(crane registry serve --address "${ADDRESS[crane]}" --disk "$SCRATCH/crane")
}

command_of_olareg() {
    COMMAND=(olareg serve --addr 127.0.0.1 --port "${ADDRESS[olareg]##*:}" --dir "$SCRATCH/olareg"
        --api-delete --api-blob-delete)
}

command_of_docker() {
    cat >"$SCRATCH/docker.yml" <<YAML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: $SCRATCH/docker}
  delete: {enabled: true}
  cache: {blobdescriptor: inmemory}
  maintenance: {uploadpurging: {enabled: false}}
http: {addr: "${ADDRESS[docker]}", secret: bench}
health: {storagedriver: {enabled: false}}
YAML
    COMMAND=(docker-registry serve "$SCRATCH/docker.yml")
}

command_of_nginx() {
    cat >"$SCRATCH/nginx.conf" <<NGINX
daemon off;
user $(id -un);
worker_processes 1;
pid $SCRATCH/nginx.pid;
error_log $SCRATCH/nginx.log;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    types { }
    default_type application/octet-stream;
    client_body_temp_path $SCRATCH/nginx;
    proxy_temp_path $SCRATCH/nginx;
    fastcgi_temp_path $SCRATCH/nginx;
    uwsgi_temp_path $SCRATCH/nginx;
    scgi_temp_path $SCRATCH/nginx;
    server { listen ${ADDRESS[nginx]}; root $SCRATCH/nginx; }
}
NGINX
    : >"$SCRATCH/nginx/empty"
    COMMAND=(nginx -c "$SCRATCH/nginx.conf")
}
