#!/usr/bin/env bash
# Measures Varve's stations beside JetStream's file store on this machine, in one run: every round runs each workload
# against each target in turn, each time with a fresh process on a fresh directory, and the medians of all rounds are
# compared. Absolute figures say little; the ratios count. Both generators send the same messages with the same window
# and read everything again: what is lost, comes twice or out of order is in the table.
#
# The two do not promise the same. A station acknowledges a message once fdatasync has returned (sync: commit);
# JetStream once it has written it to a file, which it syncs in the background. The table says so.
#
# Varve alone: appending to the segment log beside plain writes to the same disk, the start after kill -9 with data in
# stations, and what many stations cost that are mostly idle.
#
# Needs bash, jq and nats-server (Debian packages). Nothing is kept but the two result files.
set -euo pipefail

usage() {
    cat <<'EOT'
usage: bench/stations.sh [options]

  --rounds N        rounds (default 3)
  --seconds S       measured seconds of each run that goes by time (default 5)
  --warmup S        seconds before measuring (default 1)
  --count N         messages of replay and groups (default 1000000)
  --bytes SIZE      in stations, for the start after kill -9 (default 10GiB)
  --stations N      mostly idle ones (default 10000)
  --only A,B        workloads (see --list)
  --targets A,B     of varve jetstream (default: both)
  --threads N       threads of Varve's generator (default: half the processors)
  --dir DIR         where the data goes: the disk that is measured (default: $TMPDIR, or /tmp)
  --out DIR         where the results go (default bench/results)
  --list            lists the workloads
  --help

environment:
  PEER_VARVE=/path      the binary (default build/release/varve, built if it is missing)
  PEER_VARVE_SET="a=b c=d"   more settings for varve serve
  PEER_JETSTREAM=/path  the generator for JetStream (default build/release/bench/bench_jetstream, built likewise)

exit codes: 0 done, 1 failed, 2 usage

example: bench/stations.sh --rounds 5 --only produce,replay
EOT
}

# name | what it is | targets | measure | options. The targets' own spelling of an option comes with the target.
workloads() {
    cat <<EOT
produce|durable produce, 200 bytes, 16 publishers, window 1,000|varve jetstream|acked_per_second|--pubs 16 --payload 200 --window 1000
produce-few|the same, window 1|varve jetstream|acked_per_second|--pubs 16 --payload 200 --window 1
produce-1k|durable produce, 1,000 bytes, 16 publishers, window 1,000|varve jetstream|acked_per_second|--pubs 16 --payload 1000 --window 1000
replay|replay to one consumer, 200 bytes|varve jetstream|delivered_per_second|--pubs 16 --payload 200 --count $COUNT
replay-qos1|the same, QoS 1 (JetStream: as above)|varve jetstream|delivered_per_second|--pubs 16 --payload 200 --count $COUNT
groups|consumer group of 4 members, 200 bytes, each acknowledged|varve jetstream|delivered_per_second|--pubs 16 --payload 200 --count $COUNT --members 4
append|segment log, 200 bytes, batches of 256 from 2 threads, synced|varve|messages_per_second|--payload 200 --seconds $SECONDS_EACH
append-1k|segment log, 1 KiB, the same|varve|share_of_disk|--payload 1024 --seconds $SECONDS_EACH
recovery|start after kill -9, $BYTES in 10 stations|varve|start_seconds|--bytes $BYTES --stations 10
recovery-old|the same, two minutes after the last message|varve|start_seconds|--bytes $BYTES --stations 10 --age 125
many|start after kill -9, $STATIONS mostly idle stations|varve|start_seconds|--bytes 0 --stations $STATIONS
many-memory|the same: memory for each station|varve|rss_bytes_per_station|
many-files|the same: open files for each station|varve|open_files_per_station|
EOT
}

fail() {
    echo "bench/stations.sh: $1" >&2
    exit "${2:-1}"
}

cd "$(dirname "$0")/.."
ROUNDS=3 SECONDS_EACH=5 WARMUP=1 COUNT=1000000 BYTES=10GiB STATIONS=10000 ONLY='' TARGETS='varve jetstream' THREADS=''
DIR=${TMPDIR:-/tmp} OUT=bench/results LIST=''
while [ $# -gt 0 ]; do
    case $1 in
    --rounds | --seconds | --warmup | --count | --bytes | --stations | --only | --targets | --threads | --dir | --out)
        [ $# -ge 2 ] || fail "$1: needs a value; see bench/stations.sh --help" 2
        case $1 in
        --rounds) ROUNDS=$2 ;;
        --seconds) SECONDS_EACH=$2 ;;
        --warmup) WARMUP=$2 ;;
        --count) COUNT=$2 ;;
        --bytes) BYTES=$2 ;;
        --stations) STATIONS=$2 ;;
        --only) ONLY=$2 ;;
        --targets) TARGETS=${2//,/ } ;;
        --threads) THREADS=$2 ;;
        --dir) DIR=$2 ;;
        --out) OUT=$2 ;;
        esac
        shift 2
        ;;
    --list) LIST=1 && shift ;;
    --help) usage && exit 0 ;;
    *) fail "$1: unknown option; see bench/stations.sh --help" 2 ;;
    esac
done
if [ -n "$LIST" ]; then
    workloads | while IFS='|' read -r name what _; do printf '%-12s %s\n' "$name" "$what"; done
    exit 0
fi
for target in $TARGETS; do
    [ "$target" = varve ] || [ "$target" = jetstream ] || fail "--targets: no target $target; see bench/stations.sh --help" 2
done
for name in ${ONLY//,/ }; do
    workloads | grep -q "^$name|" || fail "--only: no workload $name; see bench/stations.sh --list" 2
done

PATH=$PATH:/usr/sbin
for tool in jq nats-server; do
    command -v $tool >/dev/null || fail "$tool is missing: apt-get install jq nats-server"
done
VARVE=$(realpath -m "${PEER_VARVE:-build/release/varve}")
JETSTREAM=$(realpath -m "${PEER_JETSTREAM:-build/release/bench/bench_jetstream}")
if [ ! -x "$VARVE" ] || [ ! -x "$JETSTREAM" ]; then
    cmake --preset release >&2 || fail "the release build failed"
    cmake --build --preset release --target varve bench_jetstream >&2 || fail "the release build failed"
fi

# shellcheck source=bench/broker.sh
. bench/broker.sh
work_in "$DIR/varve-stations-XXXXXX"

# ---- targets -----------------------------------------------------------------------------------------------------

start_varve() {
    local set=()
    for pair in ${PEER_VARVE_SET:-}; do set+=(--set "$pair"); done
    launch "$VARVE" serve --data "$WORK/data" --set log.level=warning --set listeners.tcp.default.bind=127.0.0.1:0 \
        --set listeners.ws.default.bind=127.0.0.1:0 --set listeners.http.bind=127.0.0.1:0 "${set[@]}"
    wait_for "jq -e .pid '$WORK/data/run.json'" || return 1
    "$VARVE" station create bench --data "$WORK/data" --topic 'bench/#' --set sync=commit >"$WORK/create.log" 2>&1 ||
        { sed 's/^/    /' "$WORK/create.log" >&2 && return 1; }
}

load_varve() {
    local mode=${1%%-*} args=(--json ${THREADS:+--threads "$THREADS"})
    case $1 in
    produce*) args+=(--warmup "$WARMUP" --duration "$SECONDS_EACH") ;;
    replay-qos1) args+=(--qos 1) ;;
    esac
    # shellcheck disable=SC2086
    "$VARVE" bench station "$mode" --data "$WORK/data" "${args[@]}" $2
}

start_jetstream() {
    cat >"$WORK/data.conf" <<EOT
host: 127.0.0.1
port: -1
server_name: peer
ports_file_dir: "$WORK/data"
jetstream { store_dir: "$WORK/data/store" }
EOT
    mkdir -p "$WORK/data"
    launch nats-server -c "$WORK/data.conf"
    wait_for "ls '$WORK'/data/*.ports"
}

load_jetstream() {
    local port args=() mode=${1%%-*}
    port=$(jq -r '.nats[0] | split(":")[-1]' "$WORK"/data/*.ports)
    case $mode in
    produce) args=(--warmup "$WARMUP" --duration "$SECONDS_EACH") ;;
    groups) mode=group ;;
    esac
    # shellcheck disable=SC2086
    "$JETSTREAM" "$mode" --port "$port" "${args[@]}" $2
}

# Without a broker of this script's: the generator has its own, or none.
alone() {
    local mode=${1%%-*}
    [ "$mode" != many ] || mode=recovery
    # shellcheck disable=SC2086
    "$VARVE" bench station "$mode" --json --dir "$WORK/data" $2
}

version_of() {
    case $1 in
    varve) "$VARVE" --version 2>/dev/null | sed 's/^varve //' ;;
    jetstream) nats-server --version | sed 's/.*v//' ;;
    esac || true
}

# ---- runs --------------------------------------------------------------------------------------------------------

# One run, as a line of $WORK/runs: {"workload","target","round","result"} or "error" instead of a result.
run_one() {
    local name=$1 target=$2 round=$3 args=$4 result=null error=
    rm -rf "$WORK/data"
    case $name in
    append* | recovery* | many)
        result=$(alone "$name" "$args" 2>"$WORK/error") || error=$(head -1 "$WORK/error")
        ;;
    *)
        if "start_$target"; then
            result=$("load_$target" "$name" "$args" 2>"$WORK/error") || error=$(head -1 "$WORK/error")
        else
            error="did not start"
        fi
        stop
        ;;
    esac
    [ -z "$error" ] || result=null
    jq -nc --arg workload "$name" --arg target "$target" --argjson round "$round" --argjson result "$result" \
        --arg error "$error" '{$workload, $target, $round, $result, $error}' >>"$WORK/runs"
    tail -1 "$WORK/runs" | jq -r '"  \(.round)  \(.workload)  \(.target)  " + if .result == null then .error
        elif .result.mode == "recovery" then "\(.result.start.seconds) s"
        elif .result.mode == "append" then "\(.result.messages_per_second) msg/s, \(.result.share_of_disk) of the disk"
        elif .result.mode == "produce" then "\(.result.acked_per_second) msg/s"
        else "\(.result.delivered_per_second) msg/s" end
        + if (.result.lost // 0) > 0 then ", lost \(.result.lost)" else "" end' >&2
}

workloads | while IFS='|' read -r name what targets measure args; do
    # What `many` has measured is shown in three lines.
    if [ -z "$ONLY" ] || [[ ",$ONLY," == *",${name/many-*/many},"* ]]; then
        jq -nc --arg name "$name" --arg what "$what" --arg targets "$targets" --arg measure "$measure" --arg args "$args" \
            '{$name, $what, targets: ($targets | split(" ")), $measure, $args}'
    fi
done >"$WORK/workloads"
: >"$WORK/runs"
for round in $(seq "$ROUNDS"); do
    while IFS=$'\t' read -r name targets args <&3; do
        # A start is measured several times in one run.
        [ "$round" = 1 ] || [[ $name != recovery* && $name != many ]] || continue
        for target in $targets; do
            [[ " $TARGETS " != *" $target "* ]] || run_one "$name" "$target" "$round" "$args"
        done
    done 3< <(jq -r 'select(.args != "") | [.name, (.targets | join(" ")), .args] | @tsv' "$WORK/workloads")
done

# ---- report ------------------------------------------------------------------------------------------------------

for target in $TARGETS; do
    jq -nc --arg target "$target" --arg version "$(version_of "$target")" '{($target): $version}'
done | jq -sc add >"$WORK/versions"
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
mkdir -p "$OUT"
stem=$OUT/stations-$(date -u +%Y-%m-%d-%H%M%S)

# Medians by workload and target. Seconds, bytes and files: lower is better.
jq -n --arg date "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --arg cpu "$cpu" --argjson cores "$(nproc)" \
    --arg kernel "$(uname -r)" --arg disk "$(df --output=fstype "$WORK" | tail -1)" --argjson rounds "$ROUNDS" \
    --argjson seconds "$SECONDS_EACH" --slurpfile versions "$WORK/versions" --slurpfile workloads "$WORK/workloads" \
    --slurpfile runs "$WORK/runs" '
    def median: sort | if length == 0 then null elif length % 2 == 1 then .[(length - 1) / 2]
        else (.[length / 2 - 1] + .[length / 2]) / 2 end;
    def ratio($a; $b): if $a == null or $b == null or $b == 0 then null else $a / $b end;
    def value($measure): if $measure == "start_seconds" then .start.seconds else .[$measure] end;
    def bad: (.lost // 0) + (.duplicates // 0) + (.order_violations // 0) + (.foreign // 0) + (.refused // 0);
    { date: $date, cpu: $cpu, cores: $cores, kernel: $kernel, disk: $disk, rounds: $rounds, seconds: $seconds,
      versions: $versions[0],
      results: [ $workloads[] | . as $w | (.name | sub("^many-.*"; "many")) as $run
        | { workload: $w.name, what: $w.what, args: $w.args, measure: $w.measure,
            targets: ($versions[0] | keys_unsorted | map(. as $t | {key: $t, value: (
              [$runs[] | select(.workload == $run and .target == $t)] as $mine |
              [$mine[].result | select(. != null)] as $results |
              { median: ([$results[] | value($w.measure)] | median), values: [$results[] | value($w.measure)],
                p99_ms: ([$results[] | .latency_us.p99? // empty | . / 1000] | median),
                bad: ([$results[] | bad] | add // 0), lost: ([$results[] | .lost // 0] | add // 0),
                errors: [$mine[].error | select(. != "")] })}) | from_entries) }
        | . + { varve_to_jetstream: ratio(.targets.varve.median; .targets.jetstream.median) } ],
      runs: $runs }' >"$stem.json"

jq -r '
    def number: if . >= 100000 then (. / 1000 | round | tostring) + " k"
        elif . >= 1000 then (. / 100 | round | . / 10 | tostring) + " k" else (. * 10 | round / 10 | tostring) end;
    def shown($measure): if . == null then "–" elif $measure == "start_seconds" then (. * 1000 | round | tostring) + " ms"
        elif $measure == "rss_bytes_per_station" then (. / 102.4 | round / 10 | tostring) + " KiB"
        elif $measure == "open_files_per_station" then (. * 100 | round / 100 | tostring)
        elif $measure == "share_of_disk" then (. * 100 | round | tostring) + " % of plain writes"
        else number + " msg/s" end;
    def times: if . == null then "–" else (. * 100 | round | . / 100 | tostring) + " ×" end;
    (.versions | keys_unsorted) as $targets |
    "# Stations: Varve and JetStream", "",
    "\(.date) · \(.cpu), \(.cores) cores, Linux \(.kernel), \(.disk) · medians of \(.rounds) rounds of \(.seconds) s · loopback TCP, broker and generator sharing the cores",
    "", (.versions | to_entries | map("\(.key) \(.value)") | join(" · ")), "",
    "| workload | " + ($targets | join(" | ")) + " | Varve to JetStream |", "|---" * ($targets | length + 2) + "|",
    (.results[] | . as $r | "| \(.what) | "
        + ($targets | map(. as $t | $r.targets[$t] | (.median | shown($r.measure))
            + if .lost > 0 then " (lost \(.lost))" elif .bad > 0 then " (\(.bad) twice, late or refused)" else "" end
            + if (.errors | length) > 0 then " (failed \(.errors | length))" else "" end) | join(" | "))
        + " | \(.varve_to_jetstream | times) |"),
    "", "Varve acknowledges once fdatasync has returned (`sync: commit`); JetStream once it has written to a file, which it syncs in the background."
    ' "$stem.json" >"$stem.md"
cat "$stem.md"
echo "written: $stem.md, $stem.json" >&2
