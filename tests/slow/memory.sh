#!/bin/bash
# memory.sh - tests/cli/memory.sh without every single allocation in turn (about twenty minutes)
IL_EVERY=1 exec "$(dirname "$0")/../cli/memory.sh"
