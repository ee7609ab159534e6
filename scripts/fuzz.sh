#!/usr/bin/env bash
# Runs each fuzz target for FUZZ_SECONDS (60). What is found along the way is kept in build/fuzz/, beside the seeds of
# tests/fuzz/corpus/, which are only read; an input that fails is written to build/fuzz/<target>-failures/.
#
# example: FUZZ_SECONDS=600 scripts/fuzz.sh packet websocket
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-60}
scripts/setup.sh fuzz
scripts/build.sh clang
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(find build/clang/tests/fuzz -maxdepth 1 -type f -name 'fuzz_*' -executable |
        sed 's/.*fuzz_//' | sort)
fi
failures=()
for target in "${targets[@]}"; do
    found=build/fuzz/$target
    mkdir -p "$found" "$found-failures"
    echo "=== fuzz $target for $seconds s"
    "build/clang/tests/fuzz/fuzz_$target" "-max_total_time=$seconds" -timeout=10 -print_final_stats=1 \
        "-artifact_prefix=$found-failures/" "$found" "tests/fuzz/corpus/$target" || failures+=("$target")
done
echo "${#targets[@]} fuzzed, ${#failures[@]} failed${failures[*]:+: ${failures[*]}}"
[ ${#failures[@]} -eq 0 ] && [ ${#targets[@]} -gt 0 ]
