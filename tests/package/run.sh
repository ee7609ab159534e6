#!/usr/bin/env bash
# Installs the Debian package on a copy of this machine (boot.sh), under a systemd of its own; uses it, lets it crash and hang,
# upgrades, removes and purges it. The last line counts. Exit code 3: it cannot be tried here, for the reason that is told.
#
# example: sudo tests/package/run.sh build/release/varve_0.1.0_amd64.deb
set -uo pipefail

deb=$(realpath "${1:?the package}")
here=$(cd "$(dirname "$0")" && pwd)
passed=0
failed=0
init= # systemd's pid, seen from here
starter=
work=
group=

cannot() {
    echo "package test: not tried: $1"
    exit 3
}

cleanup() {
    if [ -n "$starter" ]; then
        kill -KILL "$starter" 2>/dev/null # with it goes all that runs there
        wait "$starter" 2>/dev/null
    fi
    for _ in $(seq 50); do
        [ -z "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.1
    done
    if [ -n "$work" ]; then
        rm -rf "$work"
    fi
}
trap cleanup EXIT

# until SECONDS command…: waits for it to succeed
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

inside() {
    nsenter --target "$init" --mount --pid --net --ipc --uts --cgroup --root \
        env -C / -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive "$@"
}

# claim "what is true" command…: the command's exit code decides
claim() {
    local what=$1 output begin=$SECONDS
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok - $what ($((SECONDS - begin)) s)"
    else
        failed=$((failed + 1))
        echo "NOT ok - $what"
        sed 's/^/    /' <<<"$output" | tail -30
    fi
}

start_machine() {
    [ "$(id -u)" -eq 0 ] || cannot "needs root"
    [ -x /lib/systemd/systemd ] || cannot "needs systemd's files"
    local groups
    groups=$(findmnt --noheadings --types cgroup2 --output TARGET | head -1)
    [ -n "$groups" ] || cannot "no control groups (cgroup2) are mounted"
    work=$(mktemp --directory)
    group=$groups/varve-package-test-$$
    mkdir "$group" 2>/dev/null || cannot "control groups may not be made"
    (
        echo "$BASHPID" >"$group/cgroup.procs" || exit
        exec unshare --cgroup --mount --pid --net --ipc --uts --fork --kill-child "$here/boot.sh" "$work" "$deb"
    ) >"$work.log" 2>&1 &
    starter=$!
    until_true 20 pgrep --parent "$starter" || cannot "name spaces may not be made: $(tail -1 "$work.log")"
    init=$(pgrep --parent "$starter")
    if ! until_true 60 inside systemctl is-active --quiet basic.target; then
        cannot "no systemd in a name space: $(tail -1 "$work.log")"
    fi
    rm -f "$work.log"
}

# Fails, and prints nothing, while there is none.
main_pid() {
    inside systemctl show --property MainPID --value varve.service | grep --invert-match --line-regexp 0
}
# of the process in the service, by its name in /proc/PID/status
status_of() {
    inside sed -n "s/^$1:\t*//p" "/proc/$(main_pid)/status" | tr -s '\t' ' '
}
is_ready() {
    inside curl --silent --fail --max-time 5 http://127.0.0.1:18083/readyz
}
is_new_process() {
    local pid
    pid=$(main_pid) && [ "$pid" != "$1" ] && is_ready
}
admin() {
    inside setpriv --reuid varve --regid varve --clear-groups varve "$@" --data /var/lib/varve
}
equals() {
    [ "$1" = "$2" ] || {
        echo "got \"$1\", expected \"$2\""
        return 1
    }
}

# ---- Claims --------------------------------------------------------------------------------------------------

starts() {
    until_true 60 inside systemctl is-active --quiet varve.service || {
        inside journalctl --no-pager --unit varve.service
        return 1
    }
}
manual_is_sound() {
    local found
    found=$(inside sh -c 'zcat /usr/share/man/man1/varve-station.1.gz >/tmp/page.1 && man --warnings --local-file /tmp/page.1 2>&1 >/dev/null
        for page in /usr/share/man/man1/varve*.1.gz; do zcat "$page" | mandoc -T lint -W warning; done')
    equals "$found" "" && inside test -s /tmp/page.1
}
publish_and_subscribe() {
    # Again and again, until the subscriber is there and has one.
    inside sh -c 'varve sub -t "house/#" -C 1 -W 20 >/tmp/got & sub=$!
        for n in $(seq 100); do varve pub -t house/door -m open -q 1 || exit; [ ! -s /tmp/got ] || break; sleep 0.1; done
        wait $sub && [ "$(cat /tmp/got)" = open ]'
}
station_takes() {
    admin station create cellar --topic 'cellar/#' && inside varve pub -t cellar/humidity -m "$1" -q 1
}
station_holds() {
    equals "$(admin station read cellar --format raw | tr '\n' ' ')" "$1"
}
is_confined() {
    equals "$(status_of Uid | cut -d' ' -f1)" "$(inside id -u varve)" && equals "$(status_of NoNewPrivs)" 1 &&
        equals "$(status_of CapEff)" 0000000000000000 && equals "$(status_of CapBnd)" 0000000000000000 &&
        equals "$(status_of Seccomp)" 2 || return
    local place
    inside nsenter --target "$(main_pid)" --mount touch /var/lib/varve/allowed || return
    for place in /usr /etc /var/lib /root; do
        ! inside nsenter --target "$(main_pid)" --mount touch "$place/forbidden" || return
    done
}
reload_keeps_the_process() {
    local pid
    pid=$(main_pid) || return
    inside sed -i 's/level: info/level: debug/' /etc/varve/varve.yaml && inside systemctl reload varve.service &&
        until_true 30 inside sh -c 'journalctl --unit varve | grep -q "configuration reloaded"' && equals "$(main_pid)" "$pid"
}
crash_is_survived() {
    local pid
    pid=$(main_pid) || return
    inside kill -KILL "$pid" && until_true 60 is_new_process "$pid"
}
hang_is_ended() {
    local pid
    inside mkdir -p /run/systemd/system/varve.service.d
    # Not so short that a process which a busy machine holds up is taken for one that hangs.
    inside sh -c 'printf "[Service]\nWatchdogSec=8\n" >/run/systemd/system/varve.service.d/test.conf'
    inside systemctl daemon-reload && inside systemctl restart varve.service && until_true 30 is_ready || return
    pid=$(main_pid) || return
    inside kill -STOP "$pid" && until_true 60 is_new_process "$pid" &&
        until_true 10 inside sh -c 'journalctl --unit varve | grep -q "Watchdog timeout"'
}
upgrade() {
    local pid
    pid=$(main_pid) || return
    inside sh -c 'cd /root && dpkg-deb --raw-extract varve.deb new && sed -i "s/^Version: .*/&+next/" new/DEBIAN/control &&
        dpkg-deb --build --root-owner-group -Znone new next.deb >/dev/null && dpkg --install next.deb' &&
        until_true 60 is_new_process "$pid" && inside grep -q 'level: debug' /etc/varve/varve.yaml
}
removal_keeps_data() {
    inside dpkg --remove varve && equals "$(inside systemctl is-active varve.service)" inactive &&
        inside test -e /var/lib/varve/catalog.db -a -e /etc/varve/varve.yaml -a ! -e /usr/bin/varve
}
purge_leaves_nothing() {
    inside dpkg --purge varve &&
        equals "$(inside find /etc /lib/systemd /usr/share /var/lib -name '*varve*' -not -path '/var/lib/dpkg/*' -not -name 'varve.deb')" ""
}

start_machine
claim "it installs" inside dpkg --install /root/varve.deb
claim "the service starts by itself, and says when it is ready" starts
claim "its listeners answer" until_true 30 is_ready
claim "it starts with the machine" inside systemctl is-enabled --quiet varve.service
claim "the data directory is its user's alone" equals "$(inside stat --format '%a %U %G' /var/lib/varve)" "700 varve varve"
claim "its configuration is root's, and readable for it" equals "$(inside stat --format '%a %U %G' /etc/varve/varve.yaml)" "640 root varve"
claim "the first password is in no journal" inside sh -c '! journalctl --unit varve | grep -qF "$(cat /var/lib/varve/admin.password)"'
claim "the unit is sound" equals "$(inside systemd-analyze verify /lib/systemd/system/varve.service 2>&1)" ""
claim "the unit is sandboxed" inside systemd-analyze security --threshold=20 --no-pager varve.service
claim "the process is confined" is_confined
claim "the manual is sound" manual_is_sound
claim "the doctor finds nothing wrong" inside setpriv --reuid varve --regid varve --clear-groups varve doctor -c /etc/varve/varve.yaml --data /var/lib/varve
claim "what is published is delivered" publish_and_subscribe
claim "a station keeps it" station_takes 61
claim "a reload keeps the process" reload_keeps_the_process
claim "after a crash it is started again" crash_is_survived
claim "when it hangs it is ended and started again" hang_is_ended
claim "an upgrade restarts it and leaves its configuration" upgrade
claim "the station holds what it held" station_holds "61 "
claim "removal stops it and keeps its data" removal_keeps_data
claim "purge leaves nothing" purge_leaves_nothing

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
