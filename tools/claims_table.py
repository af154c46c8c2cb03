#!/usr/bin/python3
"""claims_table.py - what claims measured, in docs/claims.csv and in a table of docs/papers.md

    innerloop reproduce all ...; tools/claims_table.py runs/reproduce     takes the results in
    innerloop reproduce --list --json | tools/claims_table.py --check     is the page what they say?

Takes the claim.csv of every claim that was measured over seeds (or trains nothing) into docs/claims.csv, with the
day, and writes the table between the two marks of docs/papers.md anew. --check fails, a line each, where the page
is not what docs/claims.csv gives, and where a claim's recipes, measures or bounds are no longer those that were
measured (their hash differs).
"""

import csv
import datetime
import io
import json
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
STORE, PAGE = DOCS / "claims.csv", DOCS / "papers.md"
FIELDS = ["name", "row", "claim", "paper", "measured", "least", "most", "held", "runs", "wanted", "verdict",
          "short", "hash", "date"]
BEGIN, END = "<!-- claims.csv by tools/claims_table.py -->\n", "<!-- end of claims.csv -->\n"


def stored():
    with STORE.open(newline="") as f:
        return list(csv.DictReader(f))


def digits(text):
    return "%.4g" % float(text) if text else "-"


def table(rows):
    """The page's table: a line for every row of every claim."""
    out = ["| claim | row | paper | median | least to most | seeds that hold | wanted | verdict | date |",
           "|---|---|---|---|---|---|---|---|---|"]
    for r in rows:
        spread = "" if r["runs"] == "1" else f"{digits(r['least'])} to {digits(r['most'])}"
        seeds = "" if r["runs"] == "1" else f"{r['held']} of {r['runs']}"
        verdict = r["verdict"] + (f": {r['short']}" if r["short"] else "")
        cells = [f"`{r['name']}`", r["claim"], r["paper"], digits(r["measured"]), spread, seeds, r["wanted"],
                 verdict, r["date"]]
        out.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(out) + "\n"


def page_with(rows):
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table(rows) + END + after


def take(folder):
    today = datetime.date.today().isoformat()
    found = {}
    for path in sorted(Path(folder).glob("*/claim.csv")):
        with path.open(newline="") as f:
            rows = list(csv.DictReader(f))
        if rows and "hash" in rows[0] and "." not in path.parent.name:
            found[path.parent.name] = [dict(r, name=path.parent.name, date=today) for r in rows]
    if not found:
        sys.exit(f"claims_table: {folder}: holds no claim that was measured")
    old = stored() if STORE.exists() else []
    same = {(r["name"], r["row"], r["hash"], r["measured"]): r["date"] for r in old}
    for rows in found.values(): # a figure that did not move keeps its day
        for r in rows:
            r["date"] = same.get((r["name"], r["row"], r["hash"], r["measured"]), r["date"])
    keep = [r for r in old if r["name"] not in found] + [r for rows in found.values() for r in rows]
    keep.sort(key=lambda r: r["name"]) # stable: rows stay in their file's order
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(keep)
    STORE.write_text(out.getvalue())
    PAGE.write_text(page_with(keep))


def check():
    rows, faults = stored(), []
    if PAGE.read_text() != page_with(rows):
        faults.append("docs/papers.md: its table is not what docs/claims.csv gives: run tools/claims_table.py")
    listed = json.load(sys.stdin)
    now = {r[0]: r[listed["columns"].index("hash")] for r in listed["rows"]}
    for name, was in sorted({(r["name"], r["hash"]) for r in rows}):
        if name not in now:
            faults.append(f"docs/claims.csv: there is no claim {name}")
        elif now[name] != was:
            faults.append(f"docs/claims.csv: {name} has changed since it was measured: reproduce it again")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    take(sys.argv[1])
