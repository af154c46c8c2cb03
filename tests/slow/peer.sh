#!/bin/sh
# peer.sh - the programs innerloop bench compares with compute the same
/usr/bin/python3 tests/slow/peer.py
