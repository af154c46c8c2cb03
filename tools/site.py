"""site.py - what `make site` adds to docs/: README.md and CHANGELOG.md as pages, the Python package's docstrings, and a
gallery of claims and figures from docs/claims.csv and the pictures of docs/

The names of pages that the text sets in code, as `docs/core.md`, become links.
"""

import csv
import html
import math
import re
from itertools import groupby
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
API = "# The Python package, name by name\n\n"

GALLERY = """# Claims and figures

Every claim that was measured, row by row: the band is what is wanted, the dot what was measured, the line through it the range over
training seeds. {holds} of {all} rows are what the paper says; the others are within their band but fall short of the paper, and their
dots are hollow. Every row has a scale of its own. What the papers say stands in `docs/papers.md`; `innerloop reproduce NAME` measures
a claim.

"""
LEFT, WIDE, RIGHT, ROW = 330, 260, 260, 22  # pixels


def wanted(text):
    """The interval that "0.9 +- 0.03", "0.75 +- 3 %", "at least 1, at most 2" or "5" names."""
    if match := re.fullmatch(r"(\S+) \+- (\S+)( %)?", text):
        middle = float(match[1])
        around = float(match[2]) * (abs(middle) / 100 if match[3] else 1)
        return middle - around, middle + around
    if text[:3] != "at ":
        return float(text), float(text)
    least, most = (re.search(rf"at {word} ([^,]+)", text) for word in ("least", "most"))
    return float(least[1]) if least else -math.inf, float(most[1]) if most else math.inf


def place_by(low, high):
    """Where a number stands on a row's axis: an interval fills its middle, of a bound the far side is twice as far as zero."""
    if math.isfinite(low) and math.isfinite(high):
        middle, unit = (low + high) / 2, (high - low) * 1.5 or abs(low) or 1
    else:
        middle = low if math.isfinite(low) else high
        unit = 2 * abs(middle) or 2
    return lambda x: LEFT + WIDE * min(max(0.5 + (x - middle) / unit, 0), 1)


def row_of(row, y):
    low, high = wanted(row["wanted"])
    at = place_by(low, high)
    measured, least, most = (float(row[name] or row["measured"]) for name in ("measured", "least", "most"))
    fill = "currentColor" if row["verdict"] == "holds" else "none"
    words = html.escape(row["claim"] if len(row["claim"]) < 49 else row["claim"][:46] + "...")
    said = html.escape(f"{measured:.4g}, wanted: {row['wanted']}")
    return (f'<rect x="{at(low):.1f}" y="{y - 8}" width="{max(at(high) - at(low), 2):.1f}" height="16" fill="currentColor" opacity="0.15"/>'
            f'<g stroke="currentColor"><title>{html.escape(row["claim"])}; paper: {html.escape(row["paper"])}</title>'
            f'<line x1="{at(least):.1f}" x2="{at(most):.1f}" y1="{y}" y2="{y}"/>'
            f'<circle cx="{at(measured):.1f}" cy="{y}" r="4" fill="{fill}"/></g>'
            f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end" fill="currentColor">{words}</text>'
            f'<text x="{LEFT + WIDE + 12}" y="{y + 4}" fill="currentColor">{said}</text>')


def panel(name, rows):
    """A claim's figure."""
    rows = "".join(row_of(row, ROW * i + 12) for i, row in enumerate(rows))
    return (f'## {name}\n\n<div style="overflow-x:auto"><svg role="img" aria-label="{name}: what was measured, beside what is wanted" '
            f'viewBox="0 0 {LEFT + WIDE + RIGHT} {ROW * rows.count("<circle") + 4}" style="min-width:36rem;width:100%" '
            f'font-size="13">{rows}</svg></div>\n\n')


def gallery():
    with open(ROOT / "docs/claims.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    text = GALLERY.format(holds=sum(row["verdict"] == "holds" for row in rows), all=len(rows))
    text += "".join(panel(name, list(group)) for name, group in groupby(rows, lambda row: row["name"]))
    pictures = sorted((ROOT / "docs").glob("*.svg"))
    return text + "## Figures\n\n" + "".join(f"![{path.stem}]({path.name})\n\n" for path in pictures)


def on_files(files, config):
    modules = sorted(p.stem for p in (ROOT / "python/innerloop").glob("*.py") if not p.stem.startswith("_"))
    pages = {
        "index.md": (ROOT / "README.md").read_text(),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(),
        "gallery.md": gallery(),
        "python_api.md": API + "".join(f"::: innerloop.{name}\n\n" for name in modules),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    def link(match):
        name = match[1]
        there = files.get_file_from_path(name) and name != page.file.src_uri
        return f"[`{name[:-3]}`]({name})" if there else match[0]

    fenced = re.split(r"(^```.*?^```$)", markdown, flags=re.M | re.S)
    return "".join(part if i % 2 else re.sub(r"`docs/(\w+\.md)`", link, part).replace("](docs/", "](") for i, part in enumerate(fenced))
