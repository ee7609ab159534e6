#!/usr/bin/env bash
# Puts the table of keys into docs/configuration.md, the reference of functions into docs/sql/functions.md, and the help texts of
# all subcommands into docs/cli.md, as the binary prints them. Tests tell when they are out of date.
#
# example: scripts/docs.sh build/asan/varve
set -euo pipefail
cd "$(dirname "$0")/.."

varve=${1:-build/release/varve}
document=docs/configuration.md
table=$(mktemp)
fresh=$(mktemp)
trap 'rm -f "$table" "$fresh"' EXIT
"$varve" serve --describe-config >"$table"
awk -v table="$table" '
    /^<!-- end -->$/ { inside = 0 }
    !inside { print }
    /^<!-- varve serve --describe-config -->$/ {
        inside = 1
        while ((getline line < table) > 0) print line
    }
' "$document" >"$fresh"
cat "$fresh" >"$document"

"$varve" rule functions --markdown >"$fresh"
cat "$fresh" >docs/sql/functions.md

scripts/manual.sh "$varve" --markdown >"$fresh"
cat "$fresh" >docs/cli.md
