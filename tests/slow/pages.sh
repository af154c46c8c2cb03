#!/bin/bash
# pages.sh - the pages show what the program prints of models that train for minutes, which stay in the build folder
. "$(dirname "$0")/../cli/lib.sh"

command -v python3 >/dev/null || { skip 'the pages' 'no python3'; exit 0; }
"$ROOT/tools/pages.py" "$INNERLOOP" --slow "$(dirname "$INNERLOOP")/pages" >faults
while IFS= read -r line; do not_ok "$line"; done <faults
check 'the pages show what trained models give' test ! -s faults
