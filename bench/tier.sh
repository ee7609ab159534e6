#!/usr/bin/env bash
# Measures the second tier on this machine, in one run: every round starts an S3 server and then runs, in turn, the tier with
# telemetry, the tier with random bytes (what no codec makes smaller: there the store is the limit), a bare libcurl client that puts
# and gets as many bytes in objects as large, and `aws s3 cp`, if there is one. At the end the table's size beside DuckDB's
# Parquet of the same rows. Medians of all rounds; the ratios count.
#
# Needs bash, jq and, without --endpoint, what tests/s3/rgw-up.sh does (Debian packages); for the size, npm packages of tests/e2e.
set -euo pipefail

usage() {
    cat <<'EOT'
usage: bench/tier.sh [options]

  --rounds N        rounds (default 3)
  --count N         messages of telemetry, 200 bytes each (default 2000000)
  --random-count N  messages of random bytes, 16 KiB each (default 16384: 256 MiB)
  --endpoint URL    an S3 server instead of one of the script's own, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in
                    the environment
  --bucket NAME     with --endpoint (default varve)
  --region NAME     with --endpoint (default us-east-1)
  --connections N   of the bare client (default 8, as many as the tier has)
  --pin             the script's own server has one core, its clients have the others: then the store is the limit, and not the
                    processor that all of them share
  --no-size         without DuckDB
  --dir DIR         where the data goes (default: $TMPDIR, or /tmp)
  --out DIR         where the results go (default bench/results)
  --help

environment:
  PEER_VARVE=/path  the binary (default build/release/varve, built if it is missing)

exit codes: 0 done, 1 failed, 2 usage

example: bench/tier.sh --rounds 5
         bench/tier.sh --rounds 5 --pin --no-size --random-count 65536
EOT
}

fail() {
    echo "bench/tier.sh: $1" >&2
    exit "${2:-1}"
}

cd "$(dirname "$0")/.."
ROUNDS=3 COUNT=2000000 RANDOM_COUNT=16384 CONNECTIONS=8 SIZE=1 PIN='' DIR=${TMPDIR:-/tmp} OUT=bench/results
while [ $# -gt 0 ]; do
    case $1 in
    --rounds | --count | --random-count | --endpoint | --bucket | --region | --connections | --dir | --out)
        [ $# -ge 2 ] || fail "$1: needs a value; see bench/tier.sh --help" 2
        case $1 in
        --rounds) ROUNDS=$2 ;;
        --count) COUNT=$2 ;;
        --random-count) RANDOM_COUNT=$2 ;;
        --endpoint) ENDPOINT=$2 ;;
        --bucket) BUCKET=$2 ;;
        --region) REGION=$2 ;;
        --connections) CONNECTIONS=$2 ;;
        --dir) DIR=$2 ;;
        --out) OUT=$2 ;;
        esac
        shift 2
        ;;
    --no-size) SIZE='' && shift ;;
    --pin) PIN=1 && shift ;;
    --help) usage && exit 0 ;;
    *) fail "$1: unknown option; see bench/tier.sh --help" 2 ;;
    esac
done
[ -z "$PIN" ] || [ -z "${ENDPOINT:-}" ] || fail "--pin is of the script's own server: not with --endpoint" 2
[ -z "$PIN" ] || [ "$(nproc)" -gt 1 ] || fail "--pin needs two cores"
command -v jq >/dev/null || fail "jq is missing: apt-get install jq"
VARVE=$(realpath -m "${PEER_VARVE:-build/release/varve}")

# shellcheck source=bench/broker.sh
. bench/broker.sh
# shellcheck source=bench/s3.sh
. bench/s3.sh
need_built bench_s3 || fail "the release build failed"
work_in "$DIR/varve-tier-XXXXXX"
: >"$WORK/runs"

# ---- runs --------------------------------------------------------------------------------------------------------

# keep NAME ROUND: standard input as a line of $WORK/runs.
keep() {
    jq -c --arg name "$1" --argjson round "$2" '{$name, $round, result: .}' >>"$WORK/runs"
}

# With --pin: the server's processes to the first core.
pin_server() {
    local file
    [ -n "$PIN" ] || return 0
    for file in "$S3_DIR"/run/*.pid; do taskset --all-tasks --cpu-list --pid 0 "$(cat "$file")" >/dev/null || return 1; done
}

# A client of the server, with --pin on the other cores.
client() {
    if [ -n "$PIN" ]; then
        taskset --cpu-list "1-$(($(nproc) - 1))" "$@"
    else
        "$@"
    fi
}

# The keys are taken from the environment: no process shows them.
tier() {
    rm -rf "$WORK/tier"
    client "$VARVE" bench tier --json --dir "$WORK/tier" --endpoint "$ENDPOINT" --bucket "$BUCKET" --region "$REGION" \
        --access-key-id env:AWS_ACCESS_KEY_ID --secret-access-key env:AWS_SECRET_ACCESS_KEY "$@"
}

# As many objects as the table of random bytes has files, each of their mean size.
bare() {
    client build/release/bench/bench_s3 --endpoint "$ENDPOINT" --bucket "$BUCKET" --region "$REGION" \
        --connections "$CONNECTIONS" --count "$1" --bytes "$2"
}

seconds_of() {
    local start
    start=$(date +%s%N)
    "$@" >/dev/null || return 1
    echo $(($(date +%s%N) - start)) | jq '. / 1e9'
}

aws_copy() {
    local files=$1 bytes=$2 seconds
    rm -rf "$WORK/files" && mkdir "$WORK/files"
    for i in $(seq "$files"); do head -c "$bytes" /dev/urandom >"$WORK/files/$i"; done
    seconds=$(AWS_DEFAULT_REGION=$REGION seconds_of client aws --endpoint-url "$ENDPOINT" s3 cp --recursive --only-show-errors \
        "$WORK/files" "s3://$BUCKET/aws") || return 1
    rm -rf "$WORK/files"
    jq -nc --argjson seconds "$seconds" --argjson bytes $((files * bytes)) \
        '{$seconds, $bytes, megabytes_per_second: ($bytes / 1e6 / $seconds)}'
}

for round in $(seq "$ROUNDS"); do
    s3_up || fail "no S3 server"
    pin_server || fail "the server's processes cannot be bound to a core"
    echo "  $round  telemetry" >&2
    tier --count "$COUNT" | keep telemetry "$round"
    echo "  $round  random bytes" >&2
    tier --count "$RANDOM_COUNT" --random --payload 16384 | keep random "$round"
    files=$(jq -s 'map(select(.name == "random"))[-1].result.table.files' "$WORK/runs")
    bytes=$(jq -s 'map(select(.name == "random"))[-1].result.table | .bytes / .files | floor' "$WORK/runs")
    echo "  $round  bare client" >&2
    bare "$files" "$bytes" | keep bare "$round"
    if command -v aws >/dev/null; then
        echo "  $round  aws s3 cp" >&2
        aws_copy "$files" "$bytes" | keep aws "$round"
    fi
done
s3_down

echo null >"$WORK/size"
if [ -n "$SIZE" ]; then
    echo "  size beside DuckDB's" >&2
    "$VARVE" bench tier --json --count "$COUNT" --seeks 0 --no-verify --keep --dir "$WORK/kept" >"$WORK/kept.json"
    node bench/tier-size.mjs "$WORK/kept/objects" >"$WORK/size" || echo null >"$WORK/size"
fi

# ---- report ------------------------------------------------------------------------------------------------------

mkdir -p "$OUT"
stem=$OUT/tier-$(date -u +%Y-%m-%d-%H%M%S)
jq -n --argjson machine "$(machine)" --argjson rounds "$ROUNDS" --argjson pinned "${PIN:-0}" --slurpfile runs "$WORK/runs" --slurpfile size "$WORK/size" '
    def median: map(select(. != null)) | sort | if length == 0 then null elif length % 2 == 1 then .[(length - 1) / 2]
        else (.[length / 2 - 1] + .[length / 2]) / 2 end;
    def most: map(select(. != null)) | max;
    def of($name; f): [$runs[] | select(.name == $name).result | f];
    def ratio($a; $b): if $a == null or $b == null or $b == 0 then null else $a / $b end;
    $machine + { rounds: $rounds, pinned: ($pinned == 1),
      results: {
        migrate_megabytes_per_core: (of("telemetry"; .migrate.megabytes_per_cpu_second) | median),
        migrate_megabytes_per_second: (of("telemetry"; .migrate.megabytes_per_second) | median),
        puts_per_commit: (of("telemetry"; .migrate.puts_per_commit) | most),
        migrate_memory_bytes: ([of("telemetry"; .migrate.memory_bytes), of("random"; .migrate.memory_bytes)] | add | most),
        replay_megabytes_per_core: (of("telemetry"; .replay.megabytes_per_cpu_second) | median),
        replay_megabytes_per_second: (of("telemetry"; .replay.megabytes_per_second) | median),
        gets_per_8mib: (of("telemetry"; .replay.gets_per_8mib) | most),
        gets_per_8mib_stored: (of("random"; .replay.gets_per_8mib_stored) | most),
        replay_memory_bytes: ([of("telemetry"; .replay.memory_bytes), of("random"; .replay.memory_bytes)] | add | most),
        seek_gets: ([of("telemetry"; .seek.by_offset.gets_max), of("telemetry"; .seek.by_time.gets_max)] | add | most),
        seek_ms: (of("telemetry"; .seek.by_offset.first_ms_median) | median),
        restore_megabytes_per_core: (of("telemetry"; .restore.megabytes_per_cpu_second) | median),
        upload_megabytes_per_second: (of("random"; .migrate.uploaded_megabytes_per_second) | median),
        bare_put_megabytes_per_second: (of("bare"; .put.megabytes_per_second) | median),
        aws_megabytes_per_second: (of("aws"; .megabytes_per_second) | median),
        random_replay_megabytes_per_second: (of("random"; .replay.megabytes_per_second) | median),
        bare_get_megabytes_per_second: (of("bare"; .get.megabytes_per_second) | median),
        table_share_of_raw: (of("telemetry"; .table.share_of_raw) | median),
        size: $size[0] },
      runs: $runs }
    | .results += { upload_to_bare: ratio(.results.upload_megabytes_per_second; .results.bare_put_megabytes_per_second),
        upload_to_aws: ratio(.results.upload_megabytes_per_second; .results.aws_megabytes_per_second),
        replay_to_bare: ratio(.results.random_replay_megabytes_per_second; .results.bare_get_megabytes_per_second) }
    ' >"$stem.json"

jq -r '
    def places($n): if . == null then "–" else . * pow(10; $n) | round / pow(10; $n) | tostring end;
    def mib: if . == null then "–" else (. / 1048576 | places(1)) + " MiB" end;
    def rate: if . == null then "–" else places(0) + " MB/s" end;
    def times: if . == null then "–" else places(2) + " ×" end;
    .results as $r |
    "# The second tier", "",
    "\(.date) · \(.cpu), \(.cores) cores, Linux \(.kernel) · varve \(.varve) · medians of \(.rounds) rounds, of counts and memory the most\(if .pinned then " · the server on a core of its own" else "" end)", "",
    "| | target | measured |", "|---|---|---|",
    "| migrate, 200-byte telemetry, of messages a core | ≥ 100 MB/s | \($r.migrate_megabytes_per_core | rate) (\($r.migrate_megabytes_per_second | rate) in all) |",
    "| PUTs a commit | ≤ 6 | \($r.puts_per_commit | places(2)) |",
    "| upload of random bytes, to a bare parallel PUT | ≥ 0.8 × | \($r.upload_to_bare | times) (\($r.upload_megabytes_per_second | rate) to \($r.bare_put_megabytes_per_second | rate)) |",
    "| the same, to `aws s3 cp` | ≥ 0.8 × | \($r.upload_to_aws | times) (\($r.aws_megabytes_per_second | rate)) |",
    "| cold sequential replay, of messages a core | ≥ 200 MB/s | \($r.replay_megabytes_per_core | rate) (\($r.replay_megabytes_per_second | rate) in all) |",
    "| GETs for each 8 MiB of messages; stored, of random bytes | ≤ 1.1 | \($r.gets_per_8mib | places(2)); \($r.gets_per_8mib_stored | places(2)) |",
    "| replay of random bytes, to a bare ranged GET | – | \($r.replay_to_bare | times) (\($r.random_replay_megabytes_per_second | rate) to \($r.bare_get_megabytes_per_second | rate)) |",
    "| GETs until the first message of a cold seek | ≤ 2 | \($r.seek_gets | places(0)), \($r.seek_ms | places(1)) ms |",
    "| memory of a migration | ≤ 64 MiB | \($r.migrate_memory_bytes | mib) |",
    "| memory of a reader, 32 MiB of row groups kept | ≤ 64 MiB | \($r.replay_memory_bytes | mib) |",
    "| restore, of messages a core | – | \($r.restore_megabytes_per_core | rate) |",
    "| size of the table, to DuckDB with the same rows, codec and level | ≤ 1.05 × | \($r.size.ratio? | times) (\($r.table_share_of_raw * 100 | places(1)) % of the messages) |"
    ' "$stem.json" >"$stem.md"
cat "$stem.md"
echo "written: $stem.md, $stem.json" >&2
