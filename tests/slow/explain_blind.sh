#!/bin/bash
# explain_blind.sh - 200 random programs, each on five kinds of data: no confident wrong name
. "$(dirname "$0")/../cli/lib.sh"

"$(dirname "$INNERLOOP")/double/test/explain_blind" 200 >blind.txt 2>&1
counts=$(grep ' confident and wrong' blind.txt)
set -- $(tr -dc '0-9 ' <<<"$counts")
check "no confident wrong name: $counts" test "$8" = 0
check 'at least 85 % of those of a family are named with parameters to 2 %' test $((100 * $3)) -ge $((85 * $1))
check 'at least 95 % of those of none are refused' test $((100 * $6)) -ge $((95 * $5))
