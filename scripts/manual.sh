#!/usr/bin/env bash
# Makes the manual out of the help texts of a binary: its table of subcommands says what there is, and a subcommand whose first
# argument has a help text of its own, such as `varve bench mqtt`, gets a page for that as well.
#
# usage: scripts/manual.sh BINARY --man DIR     varve.1 and varve-<subcommand>.1
#        scripts/manual.sh BINARY --markdown    docs/cli.md, to standard output
# example: scripts/manual.sh build/release/varve --man /tmp/man && man /tmp/man/varve-station.1
set -euo pipefail

if [ $# -lt 2 ]; then
    sed -n '5,7s/^# //p' "$0" >&2
    exit 2
fi
varve=$1
form=$2
here=$(dirname "$0")
version=$("$varve" --version | cut -d' ' -f2)
date=$(date --utc --date="@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%F)
# A variable of the environment would change what is printed as a default.
export LC_ALL=C.UTF-8

# "serve<tab>run the broker in the foreground", a line each.
subcommands() {
    "$varve" --help | sed -n '/^  [a-z]/,/^$/s/^  \([a-z]*\)  *\(.*\)/\1\t\2/p' | sed '/^varve\t/d'
}

# parts "bench" "$(varve bench --help)": the first arguments of a subcommand that have a help text of their own: all of them, or none.
parts() {
    local own=$2 words word text
    words=$(sed -n '/^$/q; s/.*varve '"$1"' \([a-z][a-z]*\) .*/\1/p' <<<"$own" | awk '!seen[$0]++')
    for word in $words; do
        text=$("$varve" "$1" "$word" --help 2>/dev/null) && [ "$text" != "$own" ] || return 0
        echo "$word"
    done
}

# page "station" "create, list …": a manual page to standard output.
page() {
    # shellcheck disable=SC2086
    "$varve" $1 --help | awk -v name="varve $1" -v summary="$2" -v version="$version" -v date="$date" -f "$here/manual.awk"
}

first_page() {
    printf '.TH VARVE 1 "%s" "Varve %s" "Varve"\n' "$date" "$version"
    cat <<'PAGE'
.SH NAME
varve \- an MQTT broker whose streams never run out
.SH SYNOPSIS
.nf
varve SUBCOMMAND [options]
varve SUBCOMMAND \-\-help
.fi
.SH DESCRIPTION
Varve is an MQTT broker that keeps messages in durable stations, moves what retention expels to an object store, and reads it back as
if it had never left. One program is broker, client and tool; each subcommand has a page of its own.
.SH COMMANDS
PAGE
    subcommands | while IFS=$'\t' read -r name summary; do
        printf '.TP\n.BR varve\\-%s (1)\n%s\n' "$name" "$summary"
    done
    cat <<'PAGE'
.SH ENVIRONMENT
.TP
.B VARVE_URL
Where the API of the broker is, for subcommands that speak to one.
.TP
.B VARVE_API_KEY
The key that they use, key:secret.
.TP
.B VARVE_LOG__LEVEL\fR and others
Keys of the configuration of
.BR varve\-serve (1):
two underscores stand for a dot.
.SH FILES
.TP
.I /etc/varve/varve.yaml
The configuration of the Debian package's service.
.TP
.I /var/lib/varve
Its data directory: the catalog, stations, sessions and buffers of actions.
.TP
.I DIR/admin.key
In the data directory: the key of this machine's administrator.
.TP
.I DIR/run.json
While a broker runs there: its process id and addresses.
.SH EXIT STATUS
0: done. 1: it failed, and says why. 2: the command line is wrong.
PAGE
}

man_pages() {
    local name summary part
    mkdir -p "$1"
    first_page >"$1/varve.1"
    while IFS=$'\t' read -r name summary; do
        page "$name" "$summary" >"$1/varve-$name.1"
        for part in $(parts "$name" "$("$varve" "$name" --help)"); do
            page "$name $part" "$summary" >"$1/varve-$name-$part.1"
        done
    done < <(subcommands)
}

markdown() {
    local name summary part help
    cat <<'PAGE'
# The command line

Made by `make docs` from the table of subcommands and their help texts; `man varve` shows the same where the Debian package is installed.

PAGE
    echo '| subcommand | does |'
    echo '|---|---|'
    subcommands | while IFS=$'\t' read -r name summary; do
        echo "| [\`varve $name\`](#varve-$name) | $summary |"
    done
    printf '\nExit codes: 0 done, 1 failed, 2 wrong command line. `--json` is for machines, wherever something is listed or shown.\n'
    while IFS=$'\t' read -r name summary; do
        help=$("$varve" "$name" --help)
        printf '\n## varve %s\n\n```text\n%s\n```\n' "$name" "$help"
        for part in $(parts "$name" "$help"); do
            printf '\n### varve %s %s\n\n```text\n%s\n```\n' "$name" "$part" "$("$varve" "$name" "$part" --help)"
        done
    done < <(subcommands)
}

case $form in
--man) man_pages "${3:?a directory}" ;;
--markdown) markdown ;;
*)
    sed -n '5,7s/^# //p' "$0" >&2
    exit 2
    ;;
esac
