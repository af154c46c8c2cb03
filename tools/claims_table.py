#!/usr/bin/python3
"""claims_table.py - what claims measured, in docs/claims.csv, a table of docs/papers.md and figures of every page

    innerloop reproduce all ...; tools/claims_table.py runs/reproduce     takes the results in
    tools/claims_table.py --write                                         the pages anew from docs/claims.csv
    innerloop reproduce --list --json | tools/claims_table.py --check     are the pages what it says?

Takes the claim.csv of every claim that was measured over seeds (or trains nothing) into docs/claims.csv, with the
day, and writes anew the table between the two marks of docs/papers.md and every figure, in README.md and docs/, that a
mark follows:

    9,477,632<!-- claim looped-parameters.standard -->        the median, in as many digits as stand there
    .6<!-- claim layers-newton.slope least -->                or the least, or the most

--check fails, a line each, where a page is not what docs/claims.csv gives, and where a claim's recipes, measures or
bounds are no longer those that were measured (their hash differs).
"""

import csv
import datetime
import io
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORE, PAGE = ROOT / "docs/claims.csv", ROOT / "docs/papers.md"
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


# a figure and its mark; a mark in backquotes is an example of one
FIGURE = re.compile(r"(?<!`)(-?[\d.,]*\d(?:e-?\d+)?)?<!-- claim +(.*?) *-->")


def like(old, value):
    """A value with the digits, the commas and the point of the figure that it replaces."""
    mantissa, _, power = old.partition("e")
    places = len(mantissa.partition(".")[2])
    if power:
        new, _, exponent = f"{value:.{places}e}".partition("e")
        return f"{new}e{int(exponent)}"
    new = f"{value:,.{places}f}" if "," in old else f"{value:.{places}f}"
    return new if mantissa.lstrip("-")[0] != "." else new.replace("0.", ".", 1)


def pages(rows):
    """Every page as docs/claims.csv gives it: (path, text as it is, text as it should be, faults)."""
    values = {}
    for r in rows:
        for word, key in (("", "measured"), (" least", "least"), (" most", "most")):
            values[f"{r['name']}.{r['row']}{word}"] = float(r[key])
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text, faults = path.read_text(), []

        def figure(found):
            old, what = found.group(1, 2)
            if old and what in values:
                return like(old, values[what]) + found.group()[len(old):]
            faults.append(f"{path.relative_to(ROOT)}: " + (f"docs/claims.csv has no {what}" if old
                          else f"no figure stands before the mark of {what}"))
            return found.group()

        new = FIGURE.sub(figure, text)
        if path == PAGE:
            before, rest = new.split(BEGIN)
            new = before + BEGIN + table(rows) + END + rest.split(END)[1]
        yield path, text, new, faults


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
    return write()


def write():
    faulty = 0
    for path, text, new, faults in pages(stored()):
        for fault in faults:
            print(fault)
        faulty |= bool(faults)
        if new != text:
            path.write_text(new)
    return faulty


def check():
    rows, faults = stored(), []
    for path, text, new, wrong in pages(rows):
        faults += wrong
        lines = zip(text.splitlines(), new.splitlines())
        line = next((n for n, (a, b) in enumerate(lines, 1) if a != b), None)
        if new != text:
            faults.append(f"{path.relative_to(ROOT)}:{line or 1}: not what docs/claims.csv gives: "
                          "run tools/claims_table.py --write")
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
    if sys.argv[1:] == ["--write"]:
        sys.exit(write())
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(take(sys.argv[1]))
