#!/usr/bin/env bash
# Starts a throw-away OpenStack Swift with its S3 interface on 127.0.0.1 and says in DIR/env where it is and who may ask: the
# second implementation that the conformance suite runs against. It checks regions and wants each body's SHA-256;
# it has no conditional PUT.
#
# usage: swift-up.sh DIR      DIR must be empty or not exist; swift-down.sh DIR stops what runs in it
#
#   SWIFT_PORT   the first of 5 ports; without it, free ones are picked
set -euo pipefail

dir=${1:?usage: swift-up.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)
export EVENTLET_NO_GREENDNS=yes

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
if [ -n "$(ls --almost-all "$dir")" ]; then
    echo "swift-up: $dir is not empty" >&2
    exit 2
fi

free_ports() {
    local port taken
    taken=$(ss --numeric --listening --tcp --no-header | awk '{ sub(/.*:/, "", $4); print $4 }')
    for _ in $(seq 200); do
        port=$((15000 + RANDOM % 400 * 10))
        if ! awk -v from="$port" '$1 >= from && $1 < from + 5 { found = 1 } END { exit !found }' <<<"$taken"; then
            echo "$port"
            return
        fi
    done
    echo "swift-up: no free ports" >&2
    return 1
}

make_rings() {
    /usr/bin/python3 - "$dir" "$port" >"$dir/log/rings.log" 2>&1 <<'END'
import sys
from swift.common.ring import RingBuilder

directory, port = sys.argv[1], int(sys.argv[2])
for number, name in enumerate(("account", "container", "object"), 1):
    ring = RingBuilder(4, 1, 1)
    ring.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port + number, "device": "d1", "weight": 1.0})
    ring.rebalance()
    ring.get_ring().save(f"{directory}/{name}.ring.gz")
END
}

write_configuration() {
    local number=1 name
    for name in account container object; do
        cat >"$dir/$name.conf" <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $((port + number))
workers = 0
user = $(id -un)
swift_dir = $dir
devices = $dir/dev
mount_check = false
disable_fallocate = true
log_level = WARNING
log_address = $dir/log/none
recon_cache_path = $dir/run
[pipeline:main]
pipeline = $name-server
[app:$name-server]
use = egg:swift#$name
END
        number=$((number + 1))
    done
    cat >"$dir/proxy.conf" <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
workers = 0
user = $(id -un)
swift_dir = $dir
log_level = WARNING
log_address = $dir/log/none
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((port + 4))
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
s3_acl = true
allow_no_owner = true
location = us-east-1
storage_domain = localhost
dns_compliant_bucket_names = true
allow_multipart_uploads = true
min_segment_size = 5242880
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
END
}

# Where objects are: a file system that has user attributes, which some of $TMPDIR have not.
make_device() {
    if /usr/bin/python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.varve", b"1")' "$dir/run" 2>/dev/null; then
        mkdir "$dir/dev"
    else
        ln -s "$(mktemp --directory --tmpdir=/var/tmp)" "$dir/dev"
    fi
    mkdir "$dir/dev/d1"
}

# Daemons have sessions of their own: they outlive the step of a test run that starts them.
start_daemons() {
    local name
    setsid memcached -u nobody -l 127.0.0.1 -p $((port + 4)) -U 0 -m 32 -t 1 >"$dir/log/memcached.log" 2>&1 </dev/null &
    echo $! >"$dir/run/memcached.pid"
    for name in account container object proxy; do
        setsid "swift-$name-server" "$dir/$name.conf" -v >"$dir/log/$name.log" 2>&1 </dev/null &
        echo $! >"$dir/run/$name.pid"
    done
}

answers() {
    for _ in $(seq 300); do
        if curl --silent --output /dev/null --max-time 5 "$1"; then
            return
        fi
        sleep 0.1
    done
    echo "swift-up: nothing answers at $1" >&2
    return 1
}

# By Swift's own interface: curl cannot sign with a key that has a colon.
make_bucket() {
    local token
    token=$(curl --silent --fail --max-time 30 --dump-header - --output /dev/null --header "X-Storage-User: test:tester" \
        --header "X-Storage-Pass: testing" "http://127.0.0.1:$port/auth/v1.0" | tr -d '\r' | sed --quiet 's/^X-Auth-Token: //p')
    curl --silent --fail --max-time 30 --output /dev/null --request PUT --header "X-Auth-Token: $token" \
        "http://127.0.0.1:$port/v1/AUTH_test/$1"
}

try() {
    port=${SWIFT_PORT:-$(free_ports)}
    mkdir "$dir/run" "$dir/log"
    make_device
    make_rings
    write_configuration
    start_daemons
    answers "http://127.0.0.1:$port/healthcheck" && answers "http://127.0.0.1:$((port + 1))/" &&
        answers "http://127.0.0.1:$((port + 2))/" && answers "http://127.0.0.1:$((port + 3))/" && make_bucket varve-test
}

for attempt in 1 2 3; do
    if try; then
        cat >"$dir/env" <<END
endpoint=http://127.0.0.1:$port
region=us-east-1
access_key=test:tester
secret_key=testing
END
        echo "swift-up: ready on http://127.0.0.1:$port, in $dir"
        exit 0
    fi
    echo "swift-up: attempt $attempt failed" >&2
    tail --lines=5 "$dir"/log/*.log >&2 || true
    "$here/swift-down.sh" "$dir"
    mkdir -p "$dir"
done
exit 1
