"""site.py - what `make site` adds to docs/: README.md and CHANGELOG.md as pages, and the Python package's docstrings

The names of pages that the text sets in code, as `docs/core.md`, become links.
"""

import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
API = "# The Python package, name by name\n\n"


def on_files(files, config):
    modules = sorted(p.stem for p in (ROOT / "python/innerloop").glob("*.py") if not p.stem.startswith("_"))
    pages = {
        "index.md": (ROOT / "README.md").read_text(),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(),
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
