#!/usr/bin/env bash
# Builds the dashboard where it is not up to date, configures a CMake preset if it has not been, and builds it.
#
# example: scripts/build.sh asan
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -lt 1 ]; then
    echo "usage: scripts/build.sh PRESET [targets…]" >&2
    exit 2
fi
preset=$1
shift
scripts/web.sh
if [ ! -e "build/$preset/build.ninja" ]; then
    cmake --preset "$preset"
fi
cmake --build --preset "$preset" ${1:+--target "$@"}
