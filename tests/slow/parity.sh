#!/bin/sh
# parity.sh - outputs, gradients and 20 Adam steps against PyTorch
/usr/bin/python3 tests/parity/parity.py "$PARITY"
