#!/usr/bin/env bash
# python.sh - the Python package beside PyTorch and ONNX (every slot, gradient and answer of every model) and river; notebooks
#
# $PLANS is the program of tests/parity/plan.c, with % for the real type. PyTorch comes from PyPI with all it asks
# for, since its wheels do not load without CUDA's libraries.
: "${INNERLOOP:?set INNERLOOP to the path of the program}"
cd "$(dirname "$0")/../.." || exit 1
VENV=$(dirname "$INNERLOOP")/venv
if ! "$VENV/bin/python" -c 'import torch, onnx, onnxruntime, river, matplotlib' 2>/dev/null &&
    ! "$VENV/bin/pip" install -q --disable-pip-version-check --no-compile torch onnx onnxruntime river matplotlib >&2; then
    echo 'ok python: PyTorch and ONNX # SKIP they cannot be had from PyPI'
    exit 0
fi
"$VENV/bin/python" -m pytest -p no:cacheprovider tests/python/test_torch.py tests/python/test_onnx.py \
    tests/python/test_forecast.py tests/python/test_notebooks.py
