#!/usr/bin/env bash
# Configures a CMake preset if it has not been, and builds it.
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
if [ ! -e "build/$preset/build.ninja" ]; then
    cmake --preset "$preset"
fi
cmake --build --preset "$preset" ${1:+--target "$@"}
