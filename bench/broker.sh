# shellcheck shell=bash
# What peers.sh and stations.sh share, to be sourced: a directory to work in, and one broker at a time in the background.
# Both are gone at the end of the script, however it ends.

WORK=
PID=

# Makes the directory $WORK by a template of mktemp.
work_in() {
    WORK=$(mktemp -d "$1")
    trap 'stop; rm -rf "$WORK"' EXIT
    trap 'exit 1' INT TERM
}

# Runs a broker in the background: $PID; its output goes to $WORK/log.
launch() {
    "$@" >"$WORK/log" 2>&1 &
    PID=$!
}

# Ends the broker, if there is one.
stop() {
    [ -n "$PID" ] || return 0
    kill "$PID" 2>/dev/null || true
    wait "$PID" 2>/dev/null || true
    PID=
}

# Until the command succeeds, as long as the broker lives, at most ten seconds. Else shows what it has said.
wait_for() {
    for _ in $(seq 200); do
        if eval "$1" >/dev/null 2>&1; then return 0; fi
        kill -0 "$PID" 2>/dev/null || break
        sleep 0.05
    done
    sed 's/^/    /' "$WORK/log" >&2
    return 1
}
