#!/usr/bin/env bash
# Installs the Debian packages that are missing, for one purpose; does nothing, quickly, when none is.
# docs/dependencies.md says what each is for.
set -euo pipefail

usage() {
    cat <<'END'
usage: scripts/setup.sh [run|test|lint|fuzz|bench|package] [--list]

  run     what building and running the broker needs (default)
  test    run, and what the tests need, clang-format among it
  lint    run and test, and clang-tidy
  fuzz    run, and clang with libFuzzer and cmocka
  bench   run, and the brokers and the S3 server that bench/*.sh compare with
  package run, and what makes the Debian package
  --list  prints the packages instead of installing them

example: prepare a fresh Debian 12 for the tests
  scripts/setup.sh test
END
}

run_packages=(
    cmake ninja-build gcc libc6-dev pkg-config lemon re2c
    libssl-dev libwslay-dev libsqlite3-dev libyaml-dev libargon2-dev libjansson-dev
    libcurl4-openssl-dev libexpat1-dev libmicrohttpd-dev libzstd-dev
    libsnappy-dev liblz4-dev zlib1g-dev libbrotli-dev libpcre2-dev libutf8proc-dev libjq-dev
)
fuzz_packages=(clang libclang-rt-14-dev libcmocka-dev)
test_packages=(
    "${fuzz_packages[@]}" clang-format ca-certificates openssl procps curl util-linux
    mosquitto mosquitto-clients paho.mqtt.c-examples python3-avro python3-paho-mqtt libmosquitto-dev
    ceph-mon ceph-osd radosgw swift-proxy swift-account swift-container swift-object memcached iproute2
    dpkg-dev file adduser systemd man-db mandoc python3-minimal
    chromium fonts-inter fonts-jetbrains-mono
)
lint_packages=(clang-tidy)
bench_packages=(
    mosquitto nats-server jq procps curl openssl util-linux
    ceph-mon ceph-osd radosgw iproute2
)
package_packages=(dpkg-dev file)

# Node.js may come from elsewhere than from Debian.
node_packages() {
    local major=0
    if command -v node >/dev/null; then
        major=$(node -p 'process.versions.node.split(".")[0]')
    fi
    if [ "$major" -lt 18 ]; then
        echo nodejs
    fi
    if ! command -v npm >/dev/null; then
        echo npm
    fi
}

wanted() {
    printf '%s\n' "${run_packages[@]}"
    case $1 in
    run) node_packages ;;
    test)
        printf '%s\n' "${test_packages[@]}"
        node_packages
        ;;
    lint)
        printf '%s\n' "${test_packages[@]}" "${lint_packages[@]}"
        node_packages
        ;;
    fuzz) printf '%s\n' "${fuzz_packages[@]}" ;;
    bench)
        printf '%s\n' "${bench_packages[@]}"
        node_packages
        ;;
    package)
        printf '%s\n' "${package_packages[@]}"
        node_packages
        ;;
    esac
}

# Those of the arguments that are not installed.
missing() {
    local installed
    installed=$(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
        sed -n 's/^installed //p' || true)
    comm -13 <(sort -u <<<"$installed") <(printf '%s\n' "$@" | sort -u)
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: run as root, or install sudo: packages are missing" >&2
        return 1
    fi
}

# Debian's mosquitto, nats-server and memcached would start as services and take port 1883, 4222 or 11211. While they are
# installed, this policy keeps services from being started; afterwards they are disabled.
policy=/usr/sbin/policy-rc.d
policy_is_ours=

restore_policy() {
    if [ -n "$policy_is_ours" ]; then
        as_root rm -f "$policy"
        if [ -e "$policy.before-varve" ]; then
            as_root mv "$policy.before-varve" "$policy"
        fi
        policy_is_ours=
    fi
}

forbid_services() {
    trap restore_policy EXIT
    if [ -e "$policy" ]; then
        as_root mv "$policy" "$policy.before-varve"
    fi
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}

disable_services() {
    local name
    for name in mosquitto nats-server memcached; do
        if command -v systemctl >/dev/null && printf '%s\n' "$@" | grep -qx "$name"; then
            as_root systemctl disable "$name.service" >/dev/null 2>&1 || true
        fi
    done
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

install() {
    echo "setup: installing $*"
    apt update
    forbid_services
    apt install --yes --no-install-recommends "$@"
    restore_policy
    disable_services "$@"
}

main() {
    local purpose=run list=
    for argument in "$@"; do
        case $argument in
        run | test | lint | fuzz | bench | package) purpose=$argument ;;
        --list) list=yes ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
        esac
    done
    local packages absent
    mapfile -t packages < <(wanted "$purpose" | sort -u)
    if [ -n "$list" ]; then
        printf '%s\n' "${packages[@]}"
        return
    fi
    if ! command -v apt-get >/dev/null; then
        echo "setup: this is not Debian; needed is what these packages hold: ${packages[*]}" >&2
        exit 1
    fi
    mapfile -t absent < <(missing "${packages[@]}")
    if [ "${#absent[@]}" -gt 0 ]; then
        install "${absent[@]}"
    fi
}

main "$@"
