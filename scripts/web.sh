#!/usr/bin/env bash
# Builds the dashboard of web/ into build/web: dist/ as Vite makes it, files/ compressed, which the broker's build takes in. What has
# been built for the same sources is not built again. Without npm it says so, and the broker is built without a dashboard.
#
# example: scripts/web.sh
set -euo pipefail
cd "$(dirname "$0")/.."

out=build/web
mkdir -p "$out"

# Builds of several presets may come here at once.
exec 9>"$out/lock"
flock 9

# One hash over the names and bytes of all sources.
sources() {
    find web -type f -not -path 'web/node_modules/*' -print0 | LC_ALL=C sort --zero-terminated |
        xargs --null sha256sum | sha256sum | cut --delimiter=' ' --fields=1
}

state=$(sources)
if [ -e "$out/state" ] && [ "$(cat "$out/state")" = "$state" ]; then
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "web: npm is not here, so the broker comes without its dashboard; scripts/setup.sh run installs it" >&2
    exit 0
fi
if [ ! -d web/node_modules ] || [ web/package-lock.json -nt web/node_modules/.package-lock.json ]; then
    echo "web: installing the dashboard's packages"
    npm --prefix web ci --no-progress --no-fund --no-audit --prefer-offline
fi
echo "web: building the dashboard"
npm --prefix web run --silent build
echo "$state" >"$out/state"
