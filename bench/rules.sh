#!/usr/bin/env bash
# Measures what a rule costs the broker on this machine, in one run: every round runs each workload of `varve bench mqtt` without a rule
# and with one that matches every message, `SELECT *` without an action, in turn, on the same broker; then bench_rules evaluates
# a rule that looks into the payload. Medians of all rounds; the ratios count.
#
# Needs bash, curl and jq (Debian packages).
set -euo pipefail

usage() {
    cat <<'EOT'
usage: bench/rules.sh [options]

  --rounds N        rounds (default 5)
  --seconds S       measured seconds of each run (default 5)
  --only A,B        workloads (see --list)
  --sql TEXT        the rule (default: SELECT * FROM "bench/#")
  --out DIR         where the results go (default bench/results)
  --list            lists the workloads
  --help

environment:
  PEER_VARVE=/path  the binary (default build/release/varve, built if it is missing)
  PEER_VARVE_SET="a=b c=d"   more settings for varve serve

exit codes: 0 done, 1 failed, 2 usage

example: bench/rules.sh --rounds 3 --only qos0
EOT
}

workloads() {
    cat <<'EOT'
qos0|10 → 10 topics → 10, QoS 0, 64 bytes|delivered|--pubs 10 --subs 10 --topics 10 --qos 0 --window 1000
qos1|10 → 10 topics → 10, QoS 1, 64 bytes|delivered|--pubs 10 --subs 10 --topics 10 --qos 1 --window 100 --max-lag 1000
one|1 → 1, QoS 1, 64 bytes|delivered|--pubs 1 --subs 1 --topics 1 --qos 1 --window 100 --max-lag 1000
publish|10 publishers, nobody subscribes, QoS 1, 200 bytes|published|--pubs 10 --subs 0 --topics 10 --qos 1 --window 100 --payload 200
EOT
}

fail() {
    echo "bench/rules.sh: $1" >&2
    exit "${2:-1}"
}

cd "$(dirname "$0")/.."
ROUNDS=5 SECONDS_EACH=5 ONLY='' SQL='SELECT * FROM "bench/#"' OUT=bench/results LIST=''
while [ $# -gt 0 ]; do
    case $1 in
    --rounds | --seconds | --only | --sql | --out)
        [ $# -ge 2 ] || fail "$1: needs a value; see bench/rules.sh --help" 2
        case $1 in
        --rounds) ROUNDS=$2 ;;
        --seconds) SECONDS_EACH=$2 ;;
        --only) ONLY=$2 ;;
        --sql) SQL=$2 ;;
        --out) OUT=$2 ;;
        esac
        shift 2
        ;;
    --list) LIST=1 && shift ;;
    --help) usage && exit 0 ;;
    *) fail "$1: unknown option; see bench/rules.sh --help" 2 ;;
    esac
done
if [ -n "$LIST" ]; then
    workloads | while IFS='|' read -r name what _; do printf '%-12s %s\n' "$name" "$what"; done
    exit 0
fi
for name in ${ONLY//,/ }; do
    workloads | grep -q "^$name|" || fail "--only: no workload $name; see bench/rules.sh --list" 2
done
for tool in curl jq; do
    command -v $tool >/dev/null || fail "$tool is missing: apt-get install $tool"
done
VARVE=$(realpath -m "${PEER_VARVE:-build/release/varve}")

# shellcheck source=bench/broker.sh
. bench/broker.sh
# shellcheck source=bench/s3.sh
. bench/s3.sh
need_built bench_rules || fail "the release build failed"
work_in "${TMPDIR:-/tmp}/varve-rules-XXXXXX"
: >"$WORK/runs"

# ---- runs --------------------------------------------------------------------------------------------------------

api() {
    curl --silent --show-error --fail --max-time 20 --config "$WORK/curl" --request "$1" "$URL/api/v5$2" "${@:3}"
}

rule_on() {
    jq -nc --arg sql "$SQL" '{id: "bench", $sql, actions: []}' >"$WORK/rule"
    api POST /rules --header 'content-type: application/json' --data-binary "@$WORK/rule" >/dev/null
}

# What the rule has seen.
rule_off() {
    api GET /rules/bench/metrics | jq '.metrics | {matched, passed, failed}'
    api DELETE /rules/bench >/dev/null
}

load() {
    # shellcheck disable=SC2086
    "$VARVE" bench mqtt --json --port "$PORT" --warmup 1 --duration "$SECONDS_EACH" $1
}

# What the processors have worked for the broker, in ticks.
ticks() {
    sed 's/.*) //' "/proc/$PID/stat" | awk '{ print $12 + $13 }'
}

rm -rf "$WORK/data"
start_varve || fail "the broker did not start"
PORT=$(jq -r '.listeners["tcp.default"] | split(":")[-1]' "$WORK/data/run.json")
URL=http://$(jq -r .listeners.http "$WORK/data/run.json")
(umask 077 && echo "user = \"$(cat "$WORK/data/admin.key")\"" >"$WORK/curl")

for round in $(seq "$ROUNDS"); do
    while IFS='|' read -r name _ _ args <&3; do
        [ -z "$ONLY" ] || [[ ",$ONLY," == *",$name,"* ]] || continue
        for with in none rule; do
            seen=null
            [ $with = none ] || rule_on || fail "the broker does not take the rule"
            before=$(ticks)
            result=$(load "$args") || fail "varve bench mqtt failed"
            worked=$(($(ticks) - before))
            [ $with = none ] || seen=$(rule_off)
            jq -nc --arg name "$name" --arg with $with --argjson round "$round" --argjson seen "$seen" --argjson result "$result" \
                --argjson worked "$worked" --argjson tick "$(getconf CLK_TCK)" '{$name, $with, $round, $seen,
                    broker_ns_per_message: ($worked / $tick * 1e9 / $result.total_published), $result}' >>"$WORK/runs"
            tail -1 "$WORK/runs" | jq -r '"  \(.round)  \(.name)  \(.with)  \(.result.published_per_second) published, \(.result.delivered_per_second) delivered a second"' >&2
        done
    done 3< <(workloads)
done
stop
: >"$WORK/evaluations"
for round in $(seq "$ROUNDS"); do
    build/release/bench/bench_rules 1000 'filter and pick' | awk '{ print $(NF - 1) * 1000 }' >>"$WORK/evaluations"
done

# ---- report ------------------------------------------------------------------------------------------------------

workloads | while IFS='|' read -r name what measure args; do
    jq -nc --arg name "$name" --arg what "$what" --arg measure "$measure" --arg args "$args" '{$name, $what, $measure, $args}'
done >"$WORK/workloads"
mkdir -p "$OUT"
stem=$OUT/rules-$(date -u +%Y-%m-%d-%H%M%S)
jq -n --argjson machine "$(machine)" --argjson rounds "$ROUNDS" --argjson seconds "$SECONDS_EACH" --arg sql "$SQL" \
    --slurpfile workloads "$WORK/workloads" --slurpfile runs "$WORK/runs" --slurpfile evaluations "$WORK/evaluations" '
    def median: sort | if length == 0 then null elif length % 2 == 1 then .[(length - 1) / 2]
        else (.[length / 2 - 1] + .[length / 2]) / 2 end;
    def ratio($a; $b): if $a == null or $b == null or $b == 0 then null else $a / $b end;
    $machine + { rounds: $rounds, seconds: $seconds, sql: $sql,
      evaluations_per_second: ($evaluations | median),
      results: [ $workloads[] as $w | [$runs[] | select(.name == $w.name)] | select(length > 0)
        | { workload: $w.name, what: $w.what,
            none: ([.[] | select(.with == "none").result[$w.measure + "_per_second"]] | median),
            rule: ([.[] | select(.with == "rule").result[$w.measure + "_per_second"]] | median),
            none_ns: ([.[] | select(.with == "none").broker_ns_per_message] | median),
            rule_ns: ([.[] | select(.with == "rule").broker_ns_per_message] | median),
            lost: ([.[].result.lost] | add), unseen: [.[] | select(.with == "rule" and .seen.matched == 0)] | length }
        | .ratio = ratio(.rule; .none) ],
      runs: $runs }' >"$stem.json"

jq -r '
    def rate: if . == null then "–" else (. / 1000 | round | tostring) + " k/s" end;
    def times: if . == null then "–" else (. * 1000 | round | . / 1000 | tostring) + " ×" end;
    "# Rules", "",
    "\(.date) · \(.cpu), \(.cores) cores, Linux \(.kernel) · varve \(.varve) · medians of \(.rounds) rounds of \(.seconds) s · broker and generator share the cores", "",
    "With the rule `\(.sql)`, to without it; target ≥ 0.9 ×:", "",
    "| workload | without | with | ratio | the broker works for a message |", "|---|---|---|---|---|",
    (.results[] | "| \(.what) | \(.none | rate) | \(.rule | rate) | \(.ratio | times)"
        + " | \(.none_ns | round) ns, with it \(.rule_ns | round) ns"
        + (if .unseen > 0 then " (in \(.unseen) runs the rule saw nothing)" else "" end)
        + (if (.lost // 0) > 0 then " (lost \(.lost))" else "" end) + " |"),
    "", "`SELECT payload.a as a, clientid FROM \"t/#\" WHERE payload.b > 10`, 200 bytes of JSON: \(.evaluations_per_second | rate) a core; target ≥ 500 k/s."
    ' "$stem.json" >"$stem.md"
cat "$stem.md"
echo "written: $stem.md, $stem.json" >&2
