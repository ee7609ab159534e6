#!/usr/bin/env bash
# Stops the daemons that swift-up.sh started in DIR, and removes DIR.
#
# usage: swift-down.sh DIR
set -uo pipefail

dir=$(cd "${1:?usage: swift-down.sh DIR}" 2>/dev/null && pwd) || exit 0

runs() {
    case $(ps -o stat= -p "$1" 2>/dev/null) in
    '' | Z*) return 1 ;;
    esac
}

for name in proxy object container account memcached; do
    pid=$(cat "$dir/run/$name.pid" 2>/dev/null)
    # Only a process that is what the file says.
    if [ -z "$pid" ] || ! tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -e "$dir/$name.conf" -e "$name"; then
        continue
    fi
    kill -TERM "$pid" 2>/dev/null
    for step in $(seq 60); do
        runs "$pid" || break
        [ "$step" -ne 20 ] || kill -KILL "$pid" 2>/dev/null
        sleep 0.1
    done
done
if [ -L "$dir/dev" ]; then
    rm -rf "$(readlink "$dir/dev")"
fi
rm -rf "$dir"
