#!/usr/bin/env bash
# Builds the Debian package: build/release/varve_VERSION_ARCHITECTURE.deb. Its last line of output is that path.
#
# example: scripts/package.sh && sudo apt install ./build/release/varve_*.deb
set -euo pipefail
cd "$(dirname "$0")/.."

# Dates in the package are those of the last commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
scripts/setup.sh package
scripts/build.sh release
rm -f build/release/varve_*.deb
(cd build/release && cpack --config CPackConfig.cmake >cpack.log) || {
    cat build/release/cpack.log >&2
    exit 1
}
ls build/release/varve_*.deb
