#!/usr/bin/env bash
# Measures Varve beside other MQTT brokers on this machine, in one run: every round runs each workload against each
# target in turn, each time with a fresh process of the broker, and the medians of all rounds are compared. Absolute
# figures say little; the ratios count. The relay is a null broker: the limit of the machine under this generator.
#
# Needs bash, jq, mosquitto and nats-server (all Debian packages). Nothing is kept but the two result files.
set -euo pipefail

usage() {
    cat <<'EOF'
usage: bench/peers.sh [options]

  --rounds N        rounds (default 3)
  --seconds S       measured seconds of each run (default 5)
  --warmup S        seconds before measuring (default 1)
  --only A,B        workloads (see --list)
  --targets A,B     of varve relay mosquitto nats flashmq nanomq (default: all that are there)
  --idle N          idle connections (default 5000)
  --threads N       threads of generator and relay (default: half the processors)
  --out DIR         where the results go (default bench/results)
  --list            lists the workloads
  --help

environment:
  PEER_VARVE=/path      the binary (default build/release/varve, built if it is missing)
  PEER_VARVE_SET="a=b c=d"   more settings for varve serve
  PEER_FLASHMQ=/path    FlashMQ's binary, PEER_NANOMQ=/path NanoMQ's

exit codes: 0 done, 1 failed, 2 usage

example: bench/peers.sh --rounds 5 --only one-qos0,one-qos1 --targets varve,mosquitto,relay
EOF
}

# name | what it is | options of `varve bench mqtt`. With a rate, messages leave every half millisecond and latency
# counts from the time at which they were due: half of a tick is in every median.
workloads() {
    cat <<EOF
one-qos0|1 → 1, QoS 0, window 1,000|--pubs 1 --subs 1 --topics 1 --qos 0 --window 1000
one-qos1|1 → 1, QoS 1, window 100|--pubs 1 --subs 1 --topics 1 --qos 1 --window 100
ten-qos0|10 → 10 topics → 10, QoS 0, window 1,000|--pubs 10 --subs 10 --topics 10 --qos 0 --window 1000
ten-qos1|10 → 10 topics → 10, QoS 1, window 100|--pubs 10 --subs 10 --topics 10 --qos 1 --window 100
fan-qos0|1 → 100, QoS 0, window 1,000|--pubs 1 --subs 100 --topics 1 --qos 0 --window 1000
fan-qos1|1 → 100, QoS 1, window 100|--pubs 1 --subs 100 --topics 1 --qos 1 --window 100
rate-qos0|10,000 msg/s, QoS 0|--pubs 1 --subs 1 --topics 1 --qos 0 --rate 10000 --tick 500
rate-qos1|10,000 msg/s, QoS 1|--pubs 1 --subs 1 --topics 1 --qos 1 --rate 10000 --tick 500
idle|$IDLE idle connections|--idle $IDLE --connect-rate 5000
idle-sub|$IDLE idle connections, one subscription each|--idle $IDLE --idle-subscribe --connect-rate 5000
EOF
}

fail() {
    echo "bench/peers.sh: $1" >&2
    exit "${2:-1}"
}

cd "$(dirname "$0")/.."
ROUNDS=3 SECONDS_EACH=5 WARMUP=1 ONLY='' TARGETS='' IDLE=5000 THREADS='' OUT=bench/results LIST=''
while [ $# -gt 0 ]; do
    case $1 in
    --rounds | --seconds | --warmup | --only | --targets | --idle | --threads | --out)
        [ $# -ge 2 ] || fail "$1: needs a value; see bench/peers.sh --help" 2
        case $1 in
        --rounds) ROUNDS=$2 ;;
        --seconds) SECONDS_EACH=$2 ;;
        --warmup) WARMUP=$2 ;;
        --only) ONLY=$2 ;;
        --targets) TARGETS=$2 ;;
        --idle) IDLE=$2 ;;
        --threads) THREADS=$2 ;;
        --out) OUT=$2 ;;
        esac
        shift 2
        ;;
    --list) LIST=1 && shift ;;
    --help) usage && exit 0 ;;
    *) fail "$1: unknown option; see bench/peers.sh --help" 2 ;;
    esac
done
if [ -n "$LIST" ]; then
    workloads | while IFS='|' read -r name what _; do printf '%-10s %s\n' "$name" "$what"; done
    exit 0
fi

for tool in jq mosquitto nats-server; do
    PATH=$PATH:/usr/sbin command -v $tool >/dev/null || fail "$tool is missing: apt-get install jq mosquitto nats-server"
done
PATH=$PATH:/usr/sbin
VARVE=${PEER_VARVE:-build/release/varve}
if [ ! -x "$VARVE" ]; then
    cmake --preset release >&2 || fail "the release build failed"
    cmake --build --preset release >&2 || fail "the release build failed"
fi

# shellcheck source=bench/broker.sh
. bench/broker.sh
work_in "${TMPDIR:-/tmp}/varve-peers-XXXXXX"

# ---- targets: start_NAME starts a fresh broker below $WORK/data, and sets PID and PORT --------------------------

listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

free_port() {
    PORT=$((20000 + RANDOM % 12000))
    while listens "$PORT"; do PORT=$((20000 + RANDOM % 12000)); done
}

start_mosquitto() {
    free_port
    cat >"$WORK/data/conf" <<EOF
listener $PORT 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 1000
set_tcp_nodelay true
log_dest stderr
log_type error
$([ "$(id -u)" != 0 ] || echo user root)
EOF
    launch mosquitto -c "$WORK/data/conf"
}

start_nats() {
    free_port
    cat >"$WORK/data/conf" <<EOF
host: 127.0.0.1
port: -1
server_name: peer
jetstream { store_dir: "$WORK/data/store" }
mqtt { host: 127.0.0.1, port: $PORT, max_ack_pending: 1000 }
EOF
    launch nats-server -c "$WORK/data/conf"
}

start_flashmq() {
    free_port
    cat >"$WORK/data/conf" <<EOF
allow_anonymous true
log_file $WORK/data/log
max_qos_msg_pending_per_client 65535
max_qos_bytes_pending_per_client 100000000
client_max_write_buffer_size 100000000
listen {
  protocol mqtt
  inet4_bind_address 127.0.0.1
  port $PORT
}
EOF
    launch "$PEER_FLASHMQ" -c "$WORK/data/conf"
}

start_nanomq() {
    free_port
    cat >"$WORK/data/conf" <<EOF
mqtt {
  max_packet_size = 1MB
  max_mqueue_len = 65535
  max_inflight_window = 1000
}
listeners.tcp { bind = "127.0.0.1:$PORT" }
auth { allow_anonymous = true, no_match = allow, deny_action = ignore }
EOF
    launch "$PEER_NANOMQ" start --conf "$WORK/data/conf"
}

start_relay() {
    launch "$VARVE" bench mqtt --relay --port 0 ${THREADS:+--threads "$THREADS"}
    wait_for "jq -e .port '$WORK/log'" || return
    PORT=$(jq .port "$WORK/log")
}

# Queues as long as the peers', so that QoS 1 shows speed and not the policy for full queues.
start_varve() {
    local set=(--set sessions.max_queued_messages=10000000 --set sessions.max_queued_bytes=4GiB)
    for pair in ${PEER_VARVE_SET:-}; do set+=(--set "$pair"); done
    launch "$VARVE" serve --data "$WORK/data" --set listeners.tcp.default.bind=127.0.0.1:0 \
        --set listeners.ws.default.bind=127.0.0.1:0 --set listeners.http.bind=127.0.0.1:0 "${set[@]}"
    wait_for "jq -e .pid '$WORK/data/run.json'" || return
    PORT=$(jq -r '.listeners["tcp.default"] | split(":")[-1]' "$WORK/data/run.json")
}

version_of() {
    case $1 in
    varve) "$VARVE" --version 2>/dev/null | head -1 ;;
    mosquitto) mosquitto -h | sed -n '1s/mosquitto version //p' ;;
    nats) nats-server --version | sed 's/.*v//' ;;
    flashmq) "$PEER_FLASHMQ" --version 2>/dev/null | head -1 ;;
    nanomq) "$PEER_NANOMQ" --version 2>/dev/null | head -1 ;;
    relay) echo "null broker" ;;
    esac || true
}

# ---- runs --------------------------------------------------------------------------------------------------------

# One run, as a line of $WORK/runs: {"workload","target","round","result"} or "error" instead of a result.
run_one() {
    local name=$1 target=$2 round=$3 args=$4 result=null error=
    rm -rf "$WORK/data" && mkdir "$WORK/data"
    if "start_$target" && wait_for "listens $PORT"; then
        # shellcheck disable=SC2086
        if ! result=$("$VARVE" bench mqtt --json --port "$PORT" --pid "$PID" --warmup "$WARMUP" \
            --duration "$SECONDS_EACH" ${THREADS:+--threads "$THREADS"} $args 2>"$WORK/error"); then
            result=null
            error=$(head -1 "$WORK/error")
        fi
    else
        error="did not start"
    fi
    stop
    jq -nc --arg workload "$name" --arg target "$target" --argjson round "$round" --argjson result "$result" \
        --arg error "$error" '{$workload, $target, $round, $result, $error}' >>"$WORK/runs"
    tail -1 "$WORK/runs" | jq -r '"  \(.round)  \(.workload)  \(.target)  " + if .result == null then .error
        elif .result.bytes_per_connection then "\(.result.bytes_per_connection) bytes each"
        elif .result.rate > 0 then "p50 \(.result.latency_us.p50) µs, p99 \(.result.latency_us.p99) µs"
        else "\(.result.delivered_per_second) msg/s" end
        + if (.result.lost // 0) > 0 then ", lost \(.result.lost)" else "" end' >&2
}

all_targets() {
    echo varve relay mosquitto nats ${PEER_FLASHMQ:+flashmq} ${PEER_NANOMQ:+nanomq}
}

TARGETS=${TARGETS:-$(all_targets)}
TARGETS=${TARGETS//,/ }
for target in $TARGETS; do
    declare -F "start_$target" >/dev/null || fail "--targets: no target $target; see bench/peers.sh --help" 2
done
[ -z "${PEER_FLASHMQ:-}" ] && [[ " $TARGETS " == *" flashmq "* ]] && fail "flashmq: set PEER_FLASHMQ=/path/to/flashmq" 2
[ -z "${PEER_NANOMQ:-}" ] && [[ " $TARGETS " == *" nanomq "* ]] && fail "nanomq: set PEER_NANOMQ=/path/to/nanomq" 2
for name in ${ONLY//,/ }; do
    workloads | grep -q "^$name|" || fail "--only: no workload $name; see bench/peers.sh --list" 2
done

workloads | while IFS='|' read -r name what args; do
    if [ -z "$ONLY" ] || [[ ",$ONLY," == *",$name,"* ]]; then
        jq -nc --arg name "$name" --arg what "$what" --arg args "$args" '{$name, $what, $args}'
    fi
done >"$WORK/workloads"
: >"$WORK/runs"
for round in $(seq "$ROUNDS"); do
    while IFS=$'\t' read -r name args <&3; do
        for target in $TARGETS; do run_one "$name" "$target" "$round" "$args"; done
    done 3< <(jq -r '[.name, .args] | @tsv' "$WORK/workloads")
done

# ---- report ------------------------------------------------------------------------------------------------------

for target in $TARGETS; do
    jq -nc --arg target "$target" --arg version "$(version_of "$target")" '{($target): $version}'
done | jq -sc add >"$WORK/versions"
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
mkdir -p "$OUT"
stem=$OUT/mqtt-$(date -u +%Y-%m-%d-%H%M%S)

# Medians by workload and target, ratios of Varve to the others. Latency: lower is better, so are bytes.
jq -n --arg date "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --arg cpu "$cpu" --argjson cores "$(nproc)" \
    --arg kernel "$(uname -r)" --argjson rounds "$ROUNDS" --argjson seconds "$SECONDS_EACH" \
    --slurpfile versions "$WORK/versions" --slurpfile workloads "$WORK/workloads" --slurpfile runs "$WORK/runs" '
    def median: sort | if length == 0 then null elif length % 2 == 1 then .[(length - 1) / 2]
        else (.[length / 2 - 1] + .[length / 2]) / 2 end;
    def ratio($a; $b): if $a == null or $b == null or $b == 0 then null else $a / $b end;
    def measures($args): if $args | test("--idle ") then ["bytes_per_connection"]
        elif $args | test("--rate ") then ["p50_us", "p99_us"] else ["delivered_per_second"] end;
    def value($measure): if $measure == "p50_us" then .latency_us.p50 elif $measure == "p99_us" then .latency_us.p99
        else .[$measure] end;
    def peers: with_entries(select(.key != "varve" and .key != "relay" and .value.median != null));
    { date: $date, cpu: $cpu, cores: $cores, kernel: $kernel, rounds: $rounds, seconds: $seconds,
      versions: $versions[0],
      results: [ $workloads[] | . as $w | measures(.args)[] as $measure | {
          workload: $w.name, what: $w.what, args: $w.args, measure: $measure,
          targets: ($versions[0] | keys_unsorted | map(. as $t | {key: $t, value: (
              [$runs[] | select(.workload == $w.name and .target == $t)] as $mine |
              { median: ([$mine[].result | select(. != null) | value($measure)] | median),
                values: [$mine[].result | select(. != null) | value($measure)],
                lost: ([$mine[].result.lost // 0] | add),
                errors: [$mine[].error | select(. != "")] })}) | from_entries) }
        | (.measure == "delivered_per_second") as $more
        | (.targets | peers | to_entries | map(.value.median) | if $more then max else min end) as $best
        | . + { best_peer: (.targets | peers | to_entries | map(select(.value.median == $best))[0].key),
                varve_to_best_peer: ratio(.targets.varve.median; $best),
                varve_to_relay: ratio(.targets.varve.median; .targets.relay.median),
                varve_to_mosquitto: ratio(.targets.varve.median; .targets.mosquitto.median) } ],
      runs: $runs }' >"$stem.json"

jq -r '
    def number: if . == null then "–" elif . >= 100000 then (. / 1000 | round | tostring) + " k"
        elif . >= 1000 then (. / 100 | round | . / 10 | tostring) + " k" else (. * 10 | round / 10 | tostring) end;
    def shown($measure): if . == null then "–" elif $measure == "delivered_per_second" then number + " msg/s"
        elif $measure == "bytes_per_connection" then (round | tostring) + " B" else (. / 10 | round | . / 100 | tostring) + " ms" end;
    def times: if . == null then "–" else (. * 100 | round | . / 100 | tostring) + " ×" end;
    def suffix($measure): {"p50_us": ": p50", "p99_us": ": p99"}[$measure] // "";
    (.versions | keys_unsorted) as $targets |
    "# MQTT: Varve and its peers", "",
    "\(.date) · \(.cpu), \(.cores) cores, Linux \(.kernel) · medians of \(.rounds) rounds of \(.seconds) s · 64-byte payload, loopback TCP, broker and generator sharing the cores",
    "", (.versions | to_entries | map("\(.key) \(.value)") | join(" · ")), "",
    "| workload | " + ($targets | join(" | ")) + " | Varve to best peer | Varve to relay | Varve to mosquitto |",
    "|---" * ($targets | length + 4) + "|",
    (.results[] | . as $r | "| \(.what)\(suffix(.measure)) | "
        + ($targets | map(. as $t | $r.targets[$t] | (.median | shown($r.measure))
            + if .lost > 0 then " (lost \(.lost))" else "" end + if (.errors | length) > 0 then " (failed \(.errors | length))" else "" end)
            | join(" | "))
        + " | \(.varve_to_best_peer | times)\(if .best_peer then " " + .best_peer else "" end) | \(.varve_to_relay | times) | \(.varve_to_mosquitto | times) |"),
    "", "Throughput: more is better. Latency and bytes for each connection: less is better. The relay is a null broker that moves bytes and routes nothing."
    ' "$stem.json" >"$stem.md"
cat "$stem.md"
echo "written: $stem.md, $stem.json" >&2
