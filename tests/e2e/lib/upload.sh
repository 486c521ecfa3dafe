# Upload sessions by hand, with curl.
# shellcheck shell=bash

# open_upload HOST REPOSITORY: prints the URL of the new session.
open_upload() {
    curl -fsS -o /dev/null -D - -X POST "http://$1/v2/$2/blobs/uploads/" | location_url "$1"
}

# location_url HOST: the Location among the headers on standard input, which may be a path only, as a URL.
location_url() {
    local location
    location="$(tr -d '\r' | sed -nE 's/^[Ll]ocation: //p')"
    case "$location" in
        /*) echo "http://$1$location" ;;
        *) echo "$location" ;;
    esac
}

# with_digest URL DIGEST: where the closing PUT goes.
with_digest() {
    case "$1" in
        *\?*) echo "$1&digest=$2" ;;
        *) echo "$1?digest=$2" ;;
    esac
}
