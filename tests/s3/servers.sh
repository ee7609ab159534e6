#!/usr/bin/env bash
# Starts and stops the S3 servers that unit tests run against: ceph, ceph-sts, ceph-busy and swift below DIR (tests/unit/s3/servers.h
# says what each is). Takes some 10 seconds.
#
# usage: servers.sh up DIR [name…]     then: VARVE_TEST_S3=DIR ctest --preset asan -R object
#        servers.sh down DIR
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)

start() {
    case $1 in
    ceph) "$here/rgw-up.sh" "$dir/ceph" ;;
    ceph-sts) RGW_STS=1 "$here/rgw-up.sh" "$dir/ceph-sts" ;;
    ceph-busy) RGW_OPTIONS="rgw_max_concurrent_requests = 2" "$here/rgw-up.sh" "$dir/ceph-busy" ;;
    swift) "$here/swift-up.sh" "$dir/swift" ;;
    *)
        echo "servers: there is no $1" >&2
        return 2
        ;;
    esac
}

up() {
    local names=("$@") name
    if [ ${#names[@]} -eq 0 ]; then
        names=(ceph ceph-sts ceph-busy swift)
    fi
    mkdir -p "$dir" || return
    for name in "${names[@]}"; do
        start "$name" || return
    done
}

# Those of the tests themselves, too: own-*.
down() {
    local server
    for server in "$dir"/*/; do
        case $server in
        */swift/) "$here/swift-down.sh" "$server" ;;
        *) "$here/rgw-down.sh" "$server" ;;
        esac
    done
    rmdir "$dir" 2>/dev/null
    return 0
}

command=${1:-}
dir=${2:-}
case $command in
up | down)
    [ -n "$dir" ] || exit 2
    shift 2
    "$command" "$@"
    ;;
*)
    echo "usage: servers.sh up DIR [name…] | down DIR" >&2
    exit 2
    ;;
esac
