#!/usr/bin/env bash
# trees.sh - trees, boosted trees and neighbours beside scikit-learn's and XGBoost's, from PyPI
: "${INNERLOOP:?set INNERLOOP to the path of the program}"
cd "$(dirname "$0")/../.." || exit 1
VENV=$(dirname "$INNERLOOP")/trees
[ -d "$VENV" ] || python3 -m venv "$VENV" || exit 1
if ! "$VENV/bin/python" -c 'import sklearn, xgboost' 2>/dev/null &&
    ! "$VENV/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1 xgboost-cpu==3.2.0 >&2; then
    echo 'ok trees # SKIP scikit-learn and XGBoost cannot be had from PyPI'
    exit 0
fi
"$VENV/bin/python" tests/slow/trees.py "$(dirname "$PARITY")/answers"
