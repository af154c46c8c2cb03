#!/bin/bash
# faults.sh - tests/cli/faults.sh with every single call on a file in turn
IL_EVERY=1 exec "$(dirname "$0")/../cli/faults.sh"
