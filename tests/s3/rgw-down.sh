#!/usr/bin/env bash
# Stops the daemons that rgw-up.sh started in DIR, at once, and removes DIR.
#
# usage: rgw-down.sh DIR
set -uo pipefail

dir=$(cd "${1:?usage: rgw-down.sh DIR}" 2>/dev/null && pwd) || exit 0

# Ended and not yet waited for by its parent counts as ended.
runs() {
    case $(ps -o stat= -p "$1" 2>/dev/null) in
    '' | Z*) return 1 ;;
    esac
}

for name in client.rgw osd.0 mon.a; do
    pid=$(cat "$dir/run/$name.pid" 2>/dev/null)
    # Only a process that was started with this directory's configuration.
    if [ -z "$pid" ] || ! tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qxF "CEPH_CONF=$dir/ceph.conf"; then
        continue
    fi
    kill -KILL "$pid" 2>/dev/null
    for _ in $(seq 100); do
        runs "$pid" || break
        sleep 0.05
    done
done
rm -rf "$dir"
