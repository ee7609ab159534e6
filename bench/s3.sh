# shellcheck shell=bash
# What tier.sh, sink.sh and rules.sh share, to be sourced behind broker.sh: an S3 server of the script's own, a Ceph gateway with its store in
# memory (tests/s3/rgw-up.sh), unless the user names another one.
#
#   s3_up      starts it, anew if there was one: what is deleted leaves its memory only hours later. Sets ENDPOINT, BUCKET, REGION and
#              exports the two keys
#   s3_down    stops it

ENDPOINT=${ENDPOINT:-}
BUCKET=${BUCKET:-varve}
REGION=${REGION:-us-east-1}
S3_DIR=

s3_up() {
    if [ -n "$ENDPOINT" ] && [ -z "$S3_DIR" ]; then
        [ -z "${AWS_ACCESS_KEY_ID:-}" ] || [ -z "${AWS_SECRET_ACCESS_KEY:-}" ] || return 0
        echo "bench: --endpoint needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment" >&2
        return 1
    fi
    s3_down
    command -v radosgw >/dev/null ||
        { echo "bench: radosgw is missing: scripts/setup.sh test, or name a server with --endpoint" >&2 && return 1; }
    S3_DIR=$WORK/s3
    trap 's3_down; stop; rm -rf "$WORK"' EXIT
    RGW_BYTES=${RGW_BYTES:-$((8 << 30))} tests/s3/rgw-up.sh "$S3_DIR" >"$WORK/s3.log" 2>&1 ||
        { sed 's/^/    /' "$WORK/s3.log" >&2 && return 1; }
    ENDPOINT=$(sed -n 's/^endpoint=//p' "$S3_DIR/env")
    REGION=$(sed -n 's/^region=//p' "$S3_DIR/env")
    BUCKET=varve-test
    AWS_ACCESS_KEY_ID=$(sed -n 's/^access_key=//p' "$S3_DIR/env")
    AWS_SECRET_ACCESS_KEY=$(sed -n 's/^secret_key=//p' "$S3_DIR/env")
    export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}

s3_down() {
    [ -n "$S3_DIR" ] || return 0
    tests/s3/rgw-down.sh "$S3_DIR" >/dev/null 2>&1 || true
    S3_DIR=
    ENDPOINT=
}

# Of the machine, as JSON.
machine() {
    jq -nc --arg date "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" \
        --argjson cores "$(nproc)" --arg kernel "$(uname -r)" --arg varve "$("$VARVE" --version | sed 's/^varve //')" \
        '{$date, $cpu, $cores, $kernel, $varve}'
}

# varve and a program of bench/ of the release build, built if one is missing.
need_built() {
    local missing=()
    [ -x "$VARVE" ] || missing+=(varve)
    [ -x "build/release/bench/$1" ] || missing+=("$1")
    [ ${#missing[@]} -gt 0 ] || return 0
    cmake --preset release >&2 && cmake --build --preset release --target "${missing[@]}" >&2
}

# A broker with its data in $WORK/data, on free ports.
start_varve() {
    local set=()
    for pair in ${PEER_VARVE_SET:-}; do set+=(--set "$pair"); done
    launch "$VARVE" serve --data "$WORK/data" --set log.level=warning --set listeners.tcp.default.bind=127.0.0.1:0 \
        --set listeners.ws.default.bind=127.0.0.1:0 --set listeners.http.bind=127.0.0.1:0 "${set[@]}"
    wait_for "jq -e .pid '$WORK/data/run.json'"
}
