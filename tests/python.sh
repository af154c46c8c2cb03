#!/usr/bin/env bash
# python.sh - the Python package: installed into a virtual environment of its own, its types, its tests
#
# $INNERLOOP is the program; make has built the libraries beside it, and the package takes them from there.
# The environment stays in build/venv. What the tests need comes from PyPI.
: "${INNERLOOP:?set INNERLOOP to the path of the program}"
cd "$(dirname "$0")/.." || exit 1
BUILT=$(dirname "$INNERLOOP")
VENV=$BUILT/venv
NEEDS='numpy safetensors pandas scikit-learn pytest mypy setuptools wheel pycparser'

skip() {
    echo "ok python: the package # SKIP $1"
    exit 0
}
python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
    skip 'there is no python3 of 3.9 or newer with venv'
[ -x "$VENV/bin/python" ] || python3 -m venv "$VENV" || exit 1
"$VENV/bin/python" -c 'import numpy, safetensors, pandas, sklearn, pytest, mypy, wheel, pycparser' 2>/dev/null ||
    "$VENV/bin/pip" install -q --disable-pip-version-check --no-compile -U $NEEDS >&2 ||
    skip 'what its tests need (numpy, pytest, ...) cannot be had from PyPI'

check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@" >&2; then echo "ok python: $name"; else echo "not ok python: $name"; fi
}
check 'pip installs it' env INNERLOOP_BUILD="$BUILT" "$VENV/bin/pip" install -q --disable-pip-version-check \
    --no-build-isolation --no-compile --no-deps --force-reinstall .
check 'its types are sound' "$VENV/bin/mypy" --no-error-summary -p innerloop
"$VENV/bin/python" -m pytest -p no:cacheprovider tests/python
