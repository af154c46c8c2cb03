#!/bin/sh
# parity.sh - outputs, gradients, and 20 steps of Adam and of SGD against PyTorch
/usr/bin/python3 tests/parity/parity.py "$PARITY"
