#!/bin/bash
# claims.sh - what training must find: the claims that take minutes, each row with its figure
. "$(dirname "$0")/../cli/lib.sh"

# A line for every row of a claim; without python3 the claim counts as one
rows() {
    python3 - "$1" <<'PY'
import json, sys
try:
    table = json.load(open(sys.argv[1]))
    rows = [dict(zip(table["columns"], r)) for r in table["rows"]]
except ValueError:
    rows = []
for r in rows:
    measured = r["measured"] if r["measured"] is None else '%.4g' % r["measured"]
    print('%s claims: %s.%s: %s: %s, %s (%s; paper %s)' % ('not ok' if r["verdict"] == 'fails' else 'ok', r["name"],
          r["row"], r["claim"], measured, r["verdict"], r["wanted"], r["paper"]))
sys.exit(sum(r["verdict"] == 'fails' for r in rows) or not rows)
PY
}

for claim in preconditioned tied-loops linear-newton diag-ridge; do
    il reproduce "$claim" --json >"$claim.json" 2>"$claim.log"
    status=$?
    if ! command -v python3 >/dev/null; then
        check "$claim" test $status = 0
        continue
    fi
    rows "$claim.json"
    FAILED=$((FAILED + $?))
    [ $status = 0 ] || [ $status = 6 ] || not_ok "$claim" "$(tail -n 1 "$claim.log")"
done
