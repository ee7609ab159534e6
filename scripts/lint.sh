#!/usr/bin/env bash
# Layout by clang-format, mistakes by clang-tidy, the shell scripts' syntax.
#
# example: scripts/lint.sh src/net        only this folder
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh lint
scripts/build.sh clang
folders=("$@")
if [ ${#folders[@]} -eq 0 ]; then
    folders=(src tests/unit tests/fuzz bench)
fi
status=0
find "${folders[@]}" -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror || status=1
find "${folders[@]}" -name '*.c' -print0 |
    xargs -0 -n 4 -P "$(nproc)" clang-tidy --quiet -p build/clang 2>/dev/null || status=1
for script in scripts/*.sh bench/*.sh .ci/run; do
    bash -n "$script" || status=1
done
exit $status
