#!/usr/bin/env bash
# Random histories with faults and crashes, HISTORIES (2000) of each kind: the segment log on a disk that fails, S3 requests
# to a store that does, Iceberg tables of two writers (which are long: one for twenty of the others), and the second tier over
# all of them; then two brokers on one table, with every pair of events. `make test` does some of each. The seed of a history
# that fails is printed; again:
#
# example: VARVE_SEED=271828 HISTORIES=1 scripts/histories.sh tier/histories
set -uo pipefail
cd "$(dirname "$0")/.."

histories=${HISTORIES:-2000}
export VARVE_PAIRS=${VARVE_PAIRS:-1}
scripts/setup.sh test
scripts/build.sh asan
tests=("$@")
if [ ${#tests[@]} -eq 0 ]; then
    tests=(log/histories object/s3_histories table/iceberg_history tier/histories tier/two_writers)
fi
failures=()
for test in "${tests[@]}"; do
    begin=$SECONDS
    echo "=== $test"
    count=$histories
    [ "$test" = table/iceberg_history ] && count=$(((histories + 19) / 20))
    VARVE_HISTORIES=$count "build/asan/tests/unit/test_${test/\//_}" || failures+=("$test")
    echo "=== $test: $((SECONDS - begin)) s"
done
echo "${#tests[@]} run, ${#failures[@]} failed${failures[*]:+: ${failures[*]}}"
[ ${#failures[@]} -eq 0 ]
