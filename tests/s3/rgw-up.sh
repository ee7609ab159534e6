#!/usr/bin/env bash
# Starts a throw-away Ceph RADOS Gateway on 127.0.0.1, one monitor, one store in memory and the gateway, and says in DIR/env
# where it is and who may ask; it has the buckets varve-test and varve.test. No systemd, no cephx; any user may run it. Takes 1 to 3 seconds on an idle machine.
#
# usage: rgw-up.sh DIR        DIR must be empty or not exist; rgw-down.sh DIR stops what runs in it
#
#   RGW_PORT       the first of 44 ports; without it, free ones are picked
#   RGW_STS=1      also hands out a session token; then a wrong secret is answered with AccessDenied
#   RGW_OPTIONS    more options of the gateway, separated by ';': "rgw_max_concurrent_requests = 2"
#   RGW_FRONTEND   more options of its frontend: "request_timeout_ms=1500"
#   RGW_STORE      memstore (default), or bluestore for more than a few gigabytes
#   RGW_BYTES      size of the store, 4 GiB by default; memory is taken as it fills
#
# Traps: the gateway insists on ms_mon_client_mode, which cannot be "secure" without cephx; without tcp_nodelay a small
# request takes 29 ms; a host that is neither an address nor rgw_dns_name is taken for the name of a bucket.
set -euo pipefail

dir=${1:?usage: rgw-up.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)
access_key=testaccesskey
secret_key=testsecretkey0123456789
other_access_key=otheraccesskey
other_secret_key=othersecretkey0123456789
# Two labels: OpenSSL does not accept a certificate for *.localhost.
host=s3.localhost

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
if [ -n "$(ls --almost-all "$dir")" ]; then
    echo "rgw-up: $dir is not empty" >&2
    exit 2
fi

# A port such that nobody listens there or on the 43 behind it.
free_ports() {
    local port taken
    taken=$(ss --numeric --listening --tcp --no-header | awk '{ sub(/.*:/, "", $4); print $4 }')
    for _ in $(seq 200); do
        port=$((20000 + RANDOM % 240 * 50))
        if ! awk -v from="$port" '$1 >= from && $1 < from + 44 { found = 1 } END { exit !found }' <<<"$taken"; then
            echo "$port"
            return
        fi
    done
    echo "rgw-up: no free ports" >&2
    return 1
}

make_certificates() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=Varve test CA" \
        -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$host" -keyout "$dir/tls.key" -out "$dir/tls.csr" 2>/dev/null
    openssl x509 -req -in "$dir/tls.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days 3650 \
        -extfile <(echo "subjectAltName=DNS:$host,DNS:*.$host,IP:127.0.0.1") -out "$dir/tls.crt" 2>/dev/null
    cat "$dir/tls.key" "$dir/tls.crt" >"$dir/tls.pem"
}

write_configuration() {
    local port=$1
    cat >"$dir/ceph.conf" <<END
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon_host = [v2:127.0.0.1:$((port + 1))/0]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
public_network = 127.0.0.0/8
ms_bind_ipv4 = true
ms_bind_ipv6 = false
ms_bind_msgr1 = false
ms_bind_port_min = $((port + 2))
ms_bind_port_max = $((port + 40))
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
run_dir = $dir/run
admin_socket = $dir/run/\$name.asok
pid_file = $dir/run/\$name.pid
log_file = $dir/log/\$name.log
crash_dir = $dir/crash
log_to_syslog = false
log_to_stderr = false
err_to_stderr = false
ms_async_op_threads = 2
ms_mon_client_mode = crc
ms_mon_service_mode = crc
ms_mon_cluster_mode = crc
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_max_pg_per_osd = 2000

[mon]
mon_data = $dir/mon
mon_cluster_log_file = $dir/log/cluster.log
mon_allow_pool_size_one = true
mon_allow_pool_delete = true
mon_data_avail_crit = 1
mon_memory_target = 134217728
mon_osd_min_up_ratio = 0
paxos_propose_interval = 0.02
paxos_min_wait = 0.01

[osd]
osd_data = $dir/osd
osd_objectstore = ${RGW_STORE:-memstore}
memstore_device_bytes = ${RGW_BYTES:-4294967296}
bluestore_block_size = ${RGW_BYTES:-4294967296}
bluestore_block_create = true
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
osd_memory_target = 939524096
osd_op_num_shards = 2
osd_op_num_threads_per_shard = 1
osd_max_object_name_len = 2048
osd_mclock_override_recovery_settings = true
osd_class_update_on_start = false
osd_map_cache_size = 20
osd_delete_sleep = 0

[client.rgw]
rgw_data = $dir/rgw
rgw_frontends = beast ${RGW_FRONTEND:-} tcp_nodelay=1 endpoint=127.0.0.1:$port ssl_endpoint=127.0.0.1:$((port + 41)) ssl_certificate=$dir/tls.pem
rgw_dns_name = $host
rgw_enable_usage_log = false
rgw_enable_ops_log = false
rgw_thread_pool_size = 16
rgw_num_control_oids = 1
rgw_gc_max_objs = 1
rgw_lc_max_objs = 1
rgw_data_log_num_shards = 1
rgw_override_bucket_index_max_shards = 1
rgw_dynamic_resharding = false
rgw_run_sync_thread = false
rgw_enable_quota_threads = false
rgw_num_rados_handles = 1
rgw_rados_pool_pg_num_min = 1
rgw_init_timeout = 60
# What is deleted gives its memory back soon, not after two hours.
rgw_gc_obj_min_wait = 5
rgw_gc_processor_period = 5
rgw_gc_processor_max_time = 60
rgw_crypt_require_ssl = false
${RGW_STS:+rgw_s3_auth_use_sts = true
rgw_sts_key = 0123456789abcdef}
$(tr ';' '\n' <<<"${RGW_OPTIONS:-}")
END
}

alive() {
    kill -0 "$(cat "$dir/run/$1.pid" 2>/dev/null || echo none)" 2>/dev/null
}

# Ends at the first daemon that does not start.
start_daemons() {
    export CEPH_CONF=$dir/ceph.conf
    local id
    id=$(cat /proc/sys/kernel/random/uuid)
    monmaptool --create --fsid "$(sed -n 's/^fsid = //p' "$CEPH_CONF")" --addv a "[v2:127.0.0.1:$(($1 + 1))/0]" "$dir/monmap" &&
        ceph-mon --mkfs -i a --monmap "$dir/monmap" &&
        ceph-mon -i a &&
        timeout 60 ceph osd new "$id" &&
        ceph-osd -i 0 --mkfs --osd-uuid "$id" &&
        ceph-osd -i 0 &&
        timeout 90 radosgw-admin -n client.rgw user create --uid=main --display-name=main \
            --access-key="$access_key" --secret-key="$secret_key" &&
        timeout 90 radosgw-admin -n client.rgw user create --uid=other --display-name=other \
            --access-key="$other_access_key" --secret-key="$other_secret_key" &&
        radosgw -n client.rgw
}

# signed SERVICE curl-options… : a signed request of the main user to the gateway.
signed() {
    local service=$1
    shift
    curl --silent --fail --max-time 10 --aws-sigv4 "aws:amz:us-east-1:$service" --user "$access_key:$secret_key" "$@"
}

make_bucket() {
    signed s3 --request PUT --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" "http://127.0.0.1:$port/$1"
}

# Ours, not another server that took the port meanwhile. The file of its pid comes a moment after the start.
wait_until_ready() {
    for step in $(seq 300); do
        [ "$step" -le 100 ] || alive client.rgw || return 1
        if signed s3 --output /dev/null --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" "http://127.0.0.1:$port/"; then
            sleep 0.1
            alive client.rgw && alive osd.0 && alive mon.a
            return
        fi
        sleep 0.1
    done
    return 1
}

# One set of temporary credentials for the main user, as lines of DIR/env.
session_token() {
    local policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:GetSessionToken","s3:*"],"Resource":["*","arn:aws:sts:::*"]}]}'
    local encoded
    encoded=$(printf '%s' "$policy" | od -An -v -t x1 | tr -d '\n' | sed 's/ /%/g')
    radosgw-admin -n client.rgw caps add --uid=main --caps="user-policy=*" >/dev/null
    signed iam --output /dev/null "http://127.0.0.1:$port/" \
        --data "Action=PutUserPolicy&UserName=main&PolicyName=p1&PolicyDocument=$encoded&Version=2010-05-08"
    signed sts --output "$dir/token.xml" "http://127.0.0.1:$port/" \
        --data "Action=GetSessionToken&DurationSeconds=3600&Version=2011-06-15"
    echo >>"$dir/token.xml"
    local name
    for name in AccessKeyId:session_access_key SecretAccessKey:session_secret_key SessionToken:session_token; do
        sed --quiet "s|.*<${name%:*}>\([^<]*\)</${name%:*}>.*|${name#*:}=\1|p" "$dir/token.xml"
    done
}

try() {
    port=${RGW_PORT:-$(free_ports)}
    mkdir "$dir/run" "$dir/log" "$dir/mon" "$dir/osd" "$dir/rgw" "$dir/crash"
    make_certificates
    write_configuration "$port"
    start_daemons "$port" >"$dir/log/start.log" 2>&1 && wait_until_ready && make_bucket varve-test && make_bucket varve.test
}

for attempt in 1 2 3; do
    if try; then
        cat >"$dir/env" <<END
endpoint=http://127.0.0.1:$port
tls_endpoint=https://127.0.0.1:$((port + 41))
host=$host
port=$port
tls_port=$((port + 41))
ca=$dir/ca.crt
region=us-east-1
access_key=$access_key
secret_key=$secret_key
other_access_key=$other_access_key
other_secret_key=$other_secret_key
$([ -z "${RGW_STS:-}" ] || session_token)
END
        echo "rgw-up: ready on http://127.0.0.1:$port and https://127.0.0.1:$((port + 41)), in $dir"
        exit 0
    fi
    echo "rgw-up: attempt $attempt failed" >&2
    tail --lines=3 "$dir"/log/*.log >&2 || true
    "$here/rgw-down.sh" "$dir"
    mkdir -p "$dir"
done
exit 1
