#!/usr/bin/env bash
# Measures what a rule's action delivers to an S3 server on this machine, in one run: every round starts a server, which first gets
# some objects that nobody counts, and a broker, and then runs, in turn, an action in direct mode, a bare libcurl client with as many connections that puts as many objects of the same size,
# and an action in aggregated mode. Medians of all rounds; the ratios count.
#
# Needs bash, jq and, without --endpoint, what tests/s3/rgw-up.sh does (Debian packages).
set -euo pipefail

usage() {
    cat <<'EOT'
usage: bench/sink.sh [options]

  --rounds N        rounds (default 3)
  --direct N        messages in direct mode (default 20000)
  --aggregated N    messages in aggregated mode (default 3000000)
  --connections N   of both clients (default 32)
  --compression H   aggregated: none, gzip or zstd (default none)
  --endpoint URL    an S3 server instead of one of the script's own, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in
                    the environment
  --bucket NAME     with --endpoint (default varve)
  --region NAME     with --endpoint (default us-east-1)
  --dir DIR         where the broker's data goes: the disk of the buffers (default: $TMPDIR, or /tmp)
  --out DIR         where the results go (default bench/results)
  --help

environment:
  PEER_VARVE=/path  the binary (default build/release/varve, built if it is missing)
  PEER_VARVE_SET="a=b c=d"   more settings for varve serve

exit codes: 0 done, 1 failed, 2 usage

example: bench/sink.sh --rounds 5 --connections 64
EOT
}

fail() {
    echo "bench/sink.sh: $1" >&2
    exit "${2:-1}"
}

cd "$(dirname "$0")/.."
WARM_UP=1000 # a gateway that has just started is slower
ROUNDS=3 DIRECT=20000 AGGREGATED=3000000 CONNECTIONS=32 COMPRESSION=none DIR=${TMPDIR:-/tmp} OUT=bench/results
while [ $# -gt 0 ]; do
    case $1 in
    --rounds | --direct | --aggregated | --connections | --compression | --endpoint | --bucket | --region | --dir | --out)
        [ $# -ge 2 ] || fail "$1: needs a value; see bench/sink.sh --help" 2
        case $1 in
        --rounds) ROUNDS=$2 ;;
        --direct) DIRECT=$2 ;;
        --aggregated) AGGREGATED=$2 ;;
        --connections) CONNECTIONS=$2 ;;
        --compression) COMPRESSION=$2 ;;
        --endpoint) ENDPOINT=$2 ;;
        --bucket) BUCKET=$2 ;;
        --region) REGION=$2 ;;
        --dir) DIR=$2 ;;
        --out) OUT=$2 ;;
        esac
        shift 2
        ;;
    --help) usage && exit 0 ;;
    *) fail "$1: unknown option; see bench/sink.sh --help" 2 ;;
    esac
done
command -v jq >/dev/null || fail "jq is missing: apt-get install jq"
VARVE=$(realpath -m "${PEER_VARVE:-build/release/varve}")

# shellcheck source=bench/broker.sh
. bench/broker.sh
# shellcheck source=bench/s3.sh
. bench/s3.sh
need_built bench_s3 || fail "the release build failed"
work_in "$DIR/varve-sink-XXXXXX"
: >"$WORK/runs"

# ---- runs --------------------------------------------------------------------------------------------------------

keep() {
    jq -c --arg name "$1" --argjson round "$2" '{$name, $round, result: .}' >>"$WORK/runs"
}

bare() {
    build/release/bench/bench_s3 --endpoint "$ENDPOINT" --bucket "$BUCKET" --region "$REGION" --no-get --keep \
        --connections "$CONNECTIONS" --bytes 200 "$@"
}

# The keys are taken from the environment, which the broker has, too.
sink() {
    rm -rf "$WORK/data"
    start_varve || return 1
    "$VARVE" bench sink "$1" --json --data "$WORK/data" --endpoint "$ENDPOINT" --bucket "$BUCKET" --region "$REGION" \
        --access-key-id env:AWS_ACCESS_KEY_ID --secret-access-key env:AWS_SECRET_ACCESS_KEY \
        --connections "$CONNECTIONS" "${@:2}" || return 1
    stop
}

for round in $(seq "$ROUNDS"); do
    s3_up || fail "no S3 server"
    bare --count "$WARM_UP" --prefix warm-up >/dev/null || fail "the S3 server does not take objects"
    echo "  $round  direct" >&2
    sink direct --count "$DIRECT" >"$WORK/one" || fail "direct mode failed"
    keep direct "$round" <"$WORK/one"
    echo "  $round  bare client" >&2
    bare --count "$DIRECT" | keep bare "$round"
    echo "  $round  aggregated" >&2
    sink aggregated --count "$AGGREGATED" --compression "$COMPRESSION" >"$WORK/one" || fail "aggregated mode failed"
    keep aggregated "$round" <"$WORK/one"
done
s3_down

# ---- report ------------------------------------------------------------------------------------------------------

mkdir -p "$OUT"
stem=$OUT/sink-$(date -u +%Y-%m-%d-%H%M%S)
jq -n --argjson machine "$(machine)" --argjson rounds "$ROUNDS" --arg compression "$COMPRESSION" --slurpfile runs "$WORK/runs" '
    def median: map(select(. != null)) | sort | if length == 0 then null elif length % 2 == 1 then .[(length - 1) / 2]
        else (.[length / 2 - 1] + .[length / 2]) / 2 end;
    def of($name; f): [$runs[] | select(.name == $name).result | f];
    def ratio($a; $b): if $a == null or $b == null or $b == 0 then null else $a / $b end;
    $machine + { rounds: $rounds, compression: $compression,
      results: {
        direct_per_second: (of("direct"; .stored_per_second) | median),
        bare_per_second: (of("bare"; .put.requests_per_second) | median),
        aggregated_per_second: (of("aggregated"; .stored_per_second) | median),
        aggregated_acked_per_second: (of("aggregated"; .acked_per_second) | median),
        aggregated_objects: (of("aggregated"; .objects) | median),
        broker_memory_bytes: ([of("direct"; .broker_peak_bytes - .broker_rss_bytes),
            of("aggregated"; .broker_peak_bytes - .broker_rss_bytes)] | add | max),
        queued_bytes: (of("aggregated"; .queued_bytes) | max) },
      runs: $runs }
    | .results.direct_to_bare = ratio(.results.direct_per_second; .results.bare_per_second)
    ' >"$stem.json"

jq -r '
    def rate: if . == null then "–" elif . >= 100000 then (. / 1000 | round | tostring) + " k/s" else (round | tostring) + "/s" end;
    def mib: if . == null then "–" else (. / 1048576 | round | tostring) + " MiB" end;
    def times: if . == null then "–" else (. * 100 | round | . / 100 | tostring) + " ×" end;
    .results as $r |
    "# Actions", "",
    "\(.date) · \(.cpu), \(.cores) cores, Linux \(.kernel) · varve \(.varve) · medians of \(.rounds) rounds, of memory the most · broker, generator and S3 server share the cores", "",
    "| | target | measured |", "|---|---|---|",
    "| aggregated JSON Lines (\(.compression)), 200-byte messages, from publication to stored object | ≥ 150 k/s | \($r.aggregated_per_second | rate) (acknowledged \($r.aggregated_acked_per_second | rate)) |",
    "| direct, objects stored | – | \($r.direct_per_second | rate) |",
    "| the same, to a bare client with as many connections | ≥ 0.9 × | \($r.direct_to_bare | times) (\($r.bare_per_second | rate)) |",
    "| memory of the broker, over what it had before | bounded | \($r.broker_memory_bytes | mib), with \($r.queued_bytes | mib) of buffer on disk |"
    ' "$stem.json" >"$stem.md"
cat "$stem.md"
echo "written: $stem.md, $stem.json" >&2
