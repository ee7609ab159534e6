#!/usr/bin/env bash
# Runs every test: unit and end-to-end tests with AddressSanitizer and UBSan, then with ThreadSanitizer; the fuzzers'
# corpus; it kills the broker 200 times under load; and it builds with both compilers. The layout is checked as well (what clang-tidy finds is `make lint`'s).
#
# Each step has a time limit and a log in build/test/; a step that fails does not keep the others from running. The last
# line counts the tests of all runners: cmocka's of the unit tests, node's of the end-to-end tests, one for each fuzz
# target, one for each kill, one for the layout; a step that breaks otherwise (a build, a time limit, a crash) counts as one that failed.
#
# example: scripts/test.sh            everything
#          scripts/test.sh asan e2e   only these steps, with what they need
set -uo pipefail
cd "$(dirname "$0")/.."

logs=build/test
mkdir -p "$logs"
rm -f "$logs"/*.log "$logs/closing-line"
passed=0
failed=0
failures=()
running= # the process group of the step that runs
jobs=$(nproc)

stop_running() {
    if [ -n "$running" ]; then
        kill -KILL -- "-$running" 2>/dev/null
        running=
    fi
}
trap stop_running EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    failed=$((failed + 1))
    failures+=("$1")
    echo "FAILED: $1"
}

# attempt NAME SECONDS command…: runs it with its output shown and logged. `timeout` makes a process group, so that
# nothing outlives the step.
attempt() {
    local name=$1 seconds=$2 begin=$SECONDS status viewer
    shift 2
    echo
    echo "=== $name: $*"
    timeout --kill-after=10 "$seconds" "$@" >"$logs/$name.log" 2>&1 </dev/null &
    running=$!
    tail --lines=+1 --follow --sleep-interval=0.2 --pid="$running" "$logs/$name.log" 2>/dev/null &
    viewer=$!
    wait "$running"
    status=$?
    stop_running
    wait "$viewer"
    echo "=== $name: $([ $status -eq 0 ] && echo done || echo "exit code $status") after $((SECONDS - begin)) s"
    return $status
}

# build NAME SECONDS PRESET
build() {
    attempt "$1" "$2" scripts/build.sh "$3" && return
    fail "$1"
    return 1
}

# Adds "passed failed" of a runner; a failure that no test accounts for counts as one.
count() {
    local name=$1 status=$2 ok=$3 bad=$4
    passed=$((passed + ok))
    failed=$((failed + bad))
    if [ "$bad" -gt 0 ]; then
        failures+=("$name: $bad")
    elif [ "$status" -ne 0 ]; then
        fail "$name (exit code $status)"
    elif [ "$ok" -eq 0 ]; then
        fail "$name: no test ran"
    fi
}

# What ctest ran, counted by cmocka's own tests where a program has them. A program that fails without a failed
# test (a sanitizer's report, a time limit) counts as one.
count_ctest() {
    awk '
        function close_program() {
            if (!open) return
            if (ok) { passed += claims + broken > 0 ? claims : 1; failed += broken }
            else { passed += claims; failed += broken > 0 ? broken : 1 }
        }
        /^[0-9]+\/[0-9]+ Testing: / { close_program(); open = 1; ok = 0; claims = 0; broken = 0 }
        /^\[  PASSED  \] [0-9]+ test/ { claims += $4 }
        /^\[  FAILED  \] [0-9]+ test/ { broken += $4 }
        /^Test Passed\.$/ { ok = 1 }
        END { close_program(); print passed + 0, failed + 0 }
    ' "$1"
}

# unit NAME SECONDS PRESET ctest-options…
unit() {
    local name=$1 seconds=$2 preset=$3 status ok bad
    shift 3
    local record=build/$preset/Testing/Temporary/LastTest.log
    rm -f "$record"
    # shellcheck disable=SC2086
    attempt "$name" "$seconds" ${wrapper:-} ctest --preset "$preset" --parallel "$jobs" "$@"
    status=$?
    read -r ok bad < <([ -e "$record" ] && count_ctest "$record" || echo "0 0")
    count "$name" "$status" "$ok" "$bad"
}

# e2e NAME SECONDS PRESET: node's own summary, of either of its reporters.
e2e() {
    local name=$1 seconds=$2 preset=$3 status ok bad
    # shellcheck disable=SC2086
    VARVE_BIN=$PWD/build/$preset/varve attempt "$name" "$seconds" ${wrapper:-} npm --prefix tests/e2e test
    status=$?
    read -r ok bad < <(sed 's/\x1b\[[0-9;]*m//g' "$logs/$name.log" | awk '
        $1 != "#" && $1 != "ℹ" { next }
        NF == 3 && $2 == "pass" { ok += $3 }
        NF == 3 && ($2 == "fail" || $2 == "cancelled") { bad += $3 }
        END { print ok + 0, bad + 0 }')
    count "$name" "$status" "$ok" "$bad"
}

# ThreadSanitizer of GCC 12 does not cope with as much address randomization as recent kernels do.
without_randomization() {
    local bits
    bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)
    if [ "$bits" -gt 28 ] && setarch "$(uname -m)" -R true 2>/dev/null; then
        echo "setarch $(uname -m) -R"
    fi
}

step_layout() {
    if attempt layout 120 scripts/lint.sh --layout; then
        passed=$((passed + 1))
    else
        fail layout
    fi
}

step_asan() {
    build asan-build 900 asan && unit asan-unit 600 asan
}

# The packages of the end-to-end tests, as the lock file says.
e2e_packages() {
    if [ ! -d tests/e2e/node_modules ] || [ tests/e2e/package-lock.json -nt tests/e2e/node_modules/.package-lock.json ]; then
        attempt e2e-packages 300 npm --prefix tests/e2e ci --no-progress || {
            fail e2e-packages
            return 1
        }
    fi
}

step_e2e() {
    build e2e-build 900 asan && e2e_packages && e2e e2e 600 asan
}

step_crash() {
    local status ok bad
    build crash-build 900 asan && e2e_packages || return
    VARVE_BIN=$PWD/build/asan/varve attempt crash 480 node tests/crash/run.mjs --kills 200
    status=$?
    read -r ok bad < <(awk '/^[0-9]+ passed, [0-9]+ failed$/ { ok = $1; bad = $3 } END { print ok + 0, bad + 0 }' \
        "$logs/crash.log")
    count crash "$status" "$ok" "$bad"
}

step_tsan() {
    local wrapper
    wrapper=$(without_randomization)
    build tsan-build 900 tsan || return
    unit tsan-unit 900 tsan
    e2e_packages && e2e tsan-e2e 900 tsan
}

step_clang() {
    build clang-build 900 clang && unit clang-fuzz 300 clang --tests-regex '^fuzz/'
}

step_release() {
    build release-build 900 release
}

steps=("$@")
if [ ${#steps[@]} -eq 0 ]; then
    steps=(layout asan e2e crash tsan clang release)
fi
for step in "${steps[@]}"; do
    if ! declare -F "step_$step" >/dev/null; then
        echo "usage: scripts/test.sh [layout|asan|e2e|crash|tsan|clang|release]…" >&2
        exit 2
    fi
done
if attempt setup 900 scripts/setup.sh test; then
    for step in "${steps[@]}"; do
        "step_$step"
    done
else
    fail setup
fi

echo
echo "=== all steps: $SECONDS s"
for failure in "${failures[@]}"; do
    echo "FAILED: $failure"
done
echo "$passed passed, $failed failed" | tee "$logs/closing-line"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
