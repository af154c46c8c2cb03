#!/bin/sh
# parity.sh - outputs, gradients, and 20 steps of every optimiser against PyTorch; PYTHON is one that has it, for muon 2.9
# or newer
"${PYTHON:-/usr/bin/python3}" tests/parity/parity.py "$PARITY"
