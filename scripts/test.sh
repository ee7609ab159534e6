#!/usr/bin/env bash
# Runs every test: unit and end-to-end tests with AddressSanitizer and UBSan, real S3 servers included, then with ThreadSanitizer; the fuzzers'
# corpus; it kills the broker 200 times under load; it builds with both compilers; and it installs the Debian package. The layout is checked as well (what clang-tidy finds is `make lint`'s).
#
# Each step has a time limit and a log in build/test/; a step that fails does not keep the others from running. The last
# line counts the tests of all runners: cmocka's of the unit tests, node's of the end-to-end tests, vitest's of the dashboard, one for each fuzz
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
jobs=$(($(nproc) + 1)) # many tests wait: for disks, stores, clocks
s3=      # the directory of the S3 servers that run
ahead=   # the process group of builds that go on beside the tests

stop_running() {
    if [ -n "$running" ]; then
        kill -KILL -- "-$running" 2>/dev/null
        running=
    fi
}

stop_servers() {
    if [ -n "$s3" ]; then
        tests/s3/servers.sh down "$s3"
        s3=
        unset VARVE_TEST_S3
    fi
}

stop_ahead() {
    if [ -n "$ahead" ]; then
        kill -KILL -- "-$ahead" 2>/dev/null
        ahead=
    fi
}

trap 'stop_running; stop_servers; stop_ahead' EXIT
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

# End-to-end tests and crash runs wait most of the time: what is built for the steps after them is built meanwhile, with
# what they leave of the processor.
build_ahead() {
    setsid nice -n 15 sh -c 'scripts/build.sh tsan; scripts/build.sh clang varve fuzzers; scripts/build.sh release' \
        >"$logs/ahead.log" 2>&1 </dev/null &
    ahead=$!
}

# build NAME SECONDS PRESET [targets…]. What has been built ahead is not built again; what failed there fails here.
build() {
    if [ -n "$ahead" ] && [ "$3" != asan ]; then
        wait "$ahead"
        ahead=
    fi
    attempt "$1" "$2" scripts/build.sh "${@:3}" && return
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

# e2e NAME SECONDS PRESET [PATTERN]: all files but those that match; node's own summary, of either of its reporters.
e2e() {
    local name=$1 seconds=$2 preset=$3 without=${4:-^$} status ok bad
    local files
    files=$(cd tests/e2e && printf '%s\n' *.test.mjs | grep --extended-regexp --invert-match "$without")
    # shellcheck disable=SC2086
    VARVE_BIN=$PWD/build/$preset/varve attempt "$name" "$seconds" ${wrapper:-} npm --prefix tests/e2e test -- $files
    status=$?
    read -r ok bad < <(sed 's/\x1b\[[0-9;]*m//g' "$logs/$name.log" | awk '
        $1 != "#" && $1 != "ℹ" { next }
        NF == 3 && $2 == "pass" { ok += $3 }
        NF == 3 && ($2 == "fail" || $2 == "cancelled") { bad += $3 }
        END { print ok + 0, bad + 0 }')
    count "$name" "$status" "$ok" "$bad"
}

# What the logs tell of the tests that failed: of node's, their names with the first line of the error; of cmocka's and the
# crash run's, the lines that say so; of sanitizers', the summary. Short, since the end of a long output is what people see.
tell_failures() {
    local log name
    for log in "$logs"/*.log; do
        name=$(basename "$log" .log)
        sed 's/\x1b\[[0-9;]*m//g' "$log" | awk -v name="$name" '
            function tell(text) { if (told++ < 8) printf "%s: %.180s\n", name, text }
            /^ *not ok [0-9]+ - / { test = $0; sub(/^ *not ok [0-9]+ - /, "", test); next }
            /^ *✖ / { test = $0; sub(/^ */, "", test); tell(test); test = ""; next }
            test != "" && /^ *failureType: .subtestsFailed/ { test = ""; next }
            test != "" && /^ *error: / { text = $0; sub(/^ *error: */, "", text); if (text ~ /^\|/) getline text; sub(/^ */, "", text); tell(test ": " text); test = "" }
            /^\[  FAILED  \] [a-z]/ || /Error: .*(AssertionError|expected)/ || /^(AssertionError|Error: )/ { tell($0) }
            /\*\*\*(Failed|Timeout|Exception)/ || /^SUMMARY: .*Sanitizer/ || /: error: / { tell($0) }'
    done
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

# Real S3 servers for the unit tests that ask for them.
start_servers() {
    s3=$(mktemp --directory) || return
    attempt s3-servers 300 tests/s3/servers.sh up "$s3" || {
        fail s3-servers
        return 1
    }
    export VARVE_TEST_S3=$s3
}

step_asan() {
    build asan-build 900 asan || return
    start_servers
    unit asan-unit 900 asan
    stop_servers
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

# The dashboard: what its compiler and its unit tests say. What a browser says is in the end-to-end tests.
step_web() {
    local status ok bad
    attempt web-build 300 scripts/web.sh || {
        fail web-build
        return
    }
    if attempt web-check 180 npm --prefix web run --silent check; then
        passed=$((passed + 1))
    else
        fail web-check
    fi
    attempt web-unit 180 npm --prefix web test --silent
    status=$?
    read -r ok bad < <(sed 's/\x1b\[[0-9;]*m//g' "$logs/web-unit.log" | awk '
        $1 == "Tests" {
            for (i = 3; i <= NF; i++) {
                if ($i ~ /^passed/) ok = $(i - 1)
                if ($i ~ /^failed/) bad = $(i - 1)
            }
        }
        END { print ok + 0, bad + 0 }')
    count web-unit "$status" "$ok" "$bad"
}

step_e2e() {
    build e2e-build 900 asan && e2e_packages && e2e e2e 900 asan
}

step_crash() {
    local status ok bad
    build crash-build 900 asan && e2e_packages || return
    VARVE_BIN=$PWD/build/asan/varve attempt crash 700 node tests/crash/run.mjs --kills 200
    status=$?
    read -r ok bad < <(awk '/^[0-9]+ passed, [0-9]+ failed$/ { ok = $1; bad = $3 } END { print ok + 0, bad + 0 }' \
        "$logs/crash.log")
    count crash "$status" "$ok" "$bad"
}

step_tsan() {
    local wrapper
    wrapper=$(without_randomization)
    build tsan-build 900 tsan || return
    # Folders without threads, what other readers make of their files, and what one client at a time does, are left to the
    # address sanitizer.
    local single='^(actions_(columns|fallback|outages)|auth|bench|cli|conformance|connect|damage|dashboard|docs|foreign|iceberg|openapi|packet|parquet|readme|retained|rule_eval|rules_cli|stations_cli|sys|tier_s3|topics)'
    unit tsan-unit 900 tsan --exclude-regex '^(args|mqtt|config|table)/'
    e2e_packages && e2e tsan-e2e 900 tsan "$single"
}

step_clang() {
    # The tests themselves are built by clang in `make lint`.
    build clang-build 900 clang varve fuzzers && unit clang-fuzz 300 clang --tests-regex '^fuzz/'
}

step_release() {
    build release-build 900 release
}

# Where name spaces may not be made, the package is built and not installed.
step_package() {
    local status ok bad
    attempt package 900 scripts/package.sh || {
        fail package
        return
    }
    attempt package-test 300 tests/package/run.sh build/release/varve_*.deb
    status=$?
    if [ $status -eq 3 ]; then
        return
    fi
    read -r ok bad < <(awk '/^[0-9]+ passed, [0-9]+ failed$/ { ok = $1; bad = $3 } END { print ok + 0, bad + 0 }' \
        "$logs/package-test.log")
    count package-test "$status" "$ok" "$bad"
}

steps=("$@")
if [ ${#steps[@]} -eq 0 ]; then
    steps=(layout web asan e2e crash tsan clang release package)
fi
for step in "${steps[@]}"; do
    if ! declare -F "step_$step" >/dev/null; then
        echo "usage: scripts/test.sh [layout|web|asan|e2e|crash|tsan|clang|release|package]…" >&2
        exit 2
    fi
done
if attempt setup 900 scripts/setup.sh test; then
    for step in "${steps[@]}"; do
        if [ $# -eq 0 ] && [ "$step" = e2e ]; then
            build_ahead
        fi
        "step_$step"
    done
else
    fail setup
fi

echo
echo "=== all steps: $SECONDS s"
if [ "$failed" -gt 0 ]; then
    tell_failures
fi
for failure in "${failures[@]}"; do
    echo "FAILED: $failure"
done
echo "$passed passed, $failed failed" | tee "$logs/closing-line"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
