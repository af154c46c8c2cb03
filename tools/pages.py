#!/usr/bin/python3
"""pages.py - do the pages show what the program prints, and name only what there is?

    tools/pages.py INNERLOOP [PAGE ...]          checks; --write writes stale output anew
    tools/pages.py INNERLOOP --slow FOLDER       also what trains models, kept in FOLDER from one time to the next

A page is README.md or one of docs/, examples/ and findings/. It shows what the program prints in two forms, and what
stands there is compared with what the commands print now:

    ```
    $ innerloop show quick |                     a block that begins with "$ ": commands, which go on in lines
    >     grep parameters                        with "> ", and what each prints
    parameters 50,112  backbone, as papers report it
    ```

    <!-- from: tools/forecast_table.sh rmse -->  Markdown that a command prints, up to the end mark
    <!-- end -->

The mark <!-- slow --> on the line above either says that it takes more than a moment. All commands of all pages run in
bash, in one folder with examples/, recipes/, tests/ and tools/ in it. Numbers must agree to the digits that stand
there, but for one unit in the last place; numbers below 1e-9 are rounding errors and equal each other.

Whatever a page, a recipe's comment or CONTRIBUTING.md names must exist: files of the repository (`src/op/op.h`),
commands, their options and the names that they take (`innerloop train quick --resume`).
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NUMBER = re.compile(r"(?<![\w.])-?\d*\.?\d+(?:e[+-]?\d+)?(?![\w])")


def pages():
    return [ROOT / "README.md", *sorted(p for f in ("docs", "examples", "findings") for p in (ROOT / f).glob("*.md"))]


# ---- what commands print ----------------------------------------------------------------------


class Folder:
    """Where commands run: the program first in PATH, the repository's files beside what they write."""

    def __init__(self, program, folder):
        self.path = Path(folder).resolve()
        self.path.mkdir(parents=True, exist_ok=True)
        for name in ("examples", "recipes", "tests", "tools"):
            if not (self.path / name).exists():
                (self.path / name).symlink_to(ROOT / name)
        self.env = dict(os.environ, IL_DATA=str(ROOT), LC_ALL="C.UTF-8", TERM="dumb",
                        PATH=f"{Path(program).resolve().parent}:{os.environ['PATH']}")

    def run(self, command):
        """What a command prints. A training whose folder is there is taken up where it ended."""
        found = re.match(r"innerloop train (\S+)[^|;&>]*", command)
        if found:
            train = found.group().rstrip()
            out = re.search(r"--out (\S+)", train)
            run = out.group(1) if out else f"runs/{found.group(1)}"
            if (self.path / run).exists():
                if self.bash(f"{train} --resume").returncode == 0:
                    command = command.replace(train, f"{train} --resume", 1)
                else: # of a recipe that has changed
                    subprocess.run(["rm", "-rf", run], cwd=self.path, check=True)
        done = self.bash(command)
        return done.stdout if done.stdout.strip() or not done.returncode else f"(fails: {done.stderr.strip()[-200:]})\n"

    def bash(self, command):
        return subprocess.run(["bash", "-c", command], cwd=self.path, env=self.env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def same_number(a, b):
    """Equal to the digits of the one that has fewer, but for one unit in the last place."""
    x, y = float(a), float(b)
    if max(abs(x), abs(y)) < 1e-9:
        return True
    if not re.search(r"[.e]", a + b):
        return x == y

    def unit(t):
        mantissa, _, power = t.partition("e")
        return 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))

    return abs(x - y) <= 1.01 * max(unit(a), unit(b))


def same(shown, printed):
    """Equal lines: words, and numbers to their digits; how wide the columns are is no matter."""
    a, b = shown.rstrip().splitlines(), printed.rstrip().splitlines()
    if len(a) != len(b):
        return False
    for s, t in zip(a, b):
        numbers, others = NUMBER.findall(s), NUMBER.findall(t)
        words = [re.sub(r"[\s-]+", " ", NUMBER.sub("0", line)).strip() for line in (s, t)]
        if words[0] != words[1] or not all(map(same_number, numbers, others)):
            return False
    return True


def blocks(lines):
    """What of a page commands have printed: (slow, [(command, first and last line of its output)])."""
    def end(n, mark):
        return next((i for i in range(n + 1, len(lines)) if lines[i].startswith(mark)), len(lines))

    n = 0
    while n < len(lines):
        slow = n > 0 and lines[n - 1].strip() == "<!-- slow -->"
        found = re.match(r"<!-- from: (.*) -->$", lines[n].strip())
        if found:
            last = end(n, "<!-- end -->")
            yield slow, [(found.group(1), n + 1, last)]
            n = last
        elif lines[n].startswith("```"):
            last = end(n, "```")
            starts = [i for i in range(n + 1, last) if lines[i].startswith("$ ")]
            if starts[:1] == [n + 1]:
                yield slow, [step(lines, i, after) for i, after in zip(starts, [*starts[1:], last])]
            n = last
        n += 1


def step(lines, start, after):
    """A command of one line, or of several of which the next ones begin with "> "."""
    first = start + 1
    while first < after and lines[first].startswith("> "):
        first += 1
    return "".join(lines[start:first])[2:].replace("\n> ", "\n").rstrip("\n"), first, after


def check_output(folder, chosen, with_slow, write):
    faults = []
    for path in chosen:
        lines = path.read_text().splitlines(keepends=True)
        stale = []
        for slow, steps in blocks(lines):
            for command, first, after in steps if with_slow or not slow else []:
                shown, printed = "".join(lines[first:after]), folder.run(command)
                if not same(shown, printed):
                    stale.append((first, after, printed))
                    faults.append(f"{path.relative_to(ROOT)}:{first + 1}: not what `{command.splitlines()[0]}` prints: "
                                  + difference(shown, printed))
        for first, after, printed in reversed(stale if write else []):
            lines[first:after] = [line.rstrip() + "\n" for line in printed.rstrip().splitlines()]
            path.write_text("".join(lines))
    return faults


def difference(shown, printed):
    a, b = shown.rstrip().splitlines(), printed.rstrip().splitlines()
    if len(a) != len(b):
        return f"{len(b)} lines for {len(a)}"
    return next(f"{t.strip()!r} for {s.strip()!r}" for s, t in zip(a, b) if not same(s, t))


# ---- what pages name --------------------------------------------------------------------------


FLAG = r"(?<![\w-])--?[a-z][a-z0-9-]*"


def names_of(folder):
    """The program's commands with their options, those of `inspect` by measure, and the names behind them."""
    def listed(what):
        return [row.split()[0] for row in folder.run(f"innerloop {what}").splitlines()[1:] if row.strip()]

    commands = listed("list commands")
    options = {c: set(re.findall(FLAG, folder.run(f"innerloop help {c}"))) for c in commands}
    measures = listed("list measures")
    options |= {f"inspect {m}": set(re.findall(FLAG, folder.run(f"innerloop help inspect {m}"))) for m in measures}
    return options, {"train": listed("list recipes"), "build": listed("list constructions"),
                     "reproduce": [*listed("reproduce --list"), "all"], "inspect": measures}


def spoken(text):
    """Command lines of a page: (line, words), of code in lines of its own and between backquotes."""
    for n, line in enumerate(text.splitlines(), 1):
        code = re.findall(r"`([^`]*)`", line) or ([line] if re.match(r"(    |\$ |> |#  )", line) else [])
        for piece in code:
            for found in re.finditer(r"(?:^|[\s(|;&])innerloop ((?:[^|;&`#>]|\\\n)*)", piece):
                words = re.split(r"\s{3,}", found.group(1).strip())[0].split()
                if words:
                    yield n, words


def check_names(folder):
    options, names = names_of(folder)
    faults = []
    texts = [*pages(), ROOT / "CONTRIBUTING.md", *sorted((ROOT / "recipes").glob("**/*.yaml"))]
    for path in texts:
        text, where = path.read_text(), path.relative_to(ROOT)
        if path.suffix == ".yaml":
            text = "\n".join(l if l.startswith("#") else "" for l in text.splitlines())
        for n, words in spoken(text):
            command = words[0]
            if command not in options:
                if re.fullmatch(r"[a-z]+", command):
                    faults.append(f"{where}:{n}: there is no command `innerloop {command}`")
                continue
            known = options.get(" ".join(words[:2]), options[command]) | {"--help"}
            for word in words[1:]:
                flag = re.match(r"\[?(--?[a-z][a-z0-9-]*)", word)
                if flag and flag.group(1) not in known:
                    faults.append(f"{where}:{n}: `innerloop {command}` has no option {flag.group(1)}")
            if command in names and len(words) > 1 and re.fullmatch(r"[a-z][a-z0-9_-]*,?", words[1]):
                if words[1].rstrip(",") not in names[command]:
                    faults.append(f"{where}:{n}: `innerloop {command}` knows no {words[1]}")
        for n, line in enumerate(text.splitlines(), 1):
            for name in re.findall(r"`((?:src|include|cli|docs|tools|tests|recipes|bench|examples|findings)/[^`\s]*)`", line):
                if "NAME" not in name and not list(ROOT.glob(name.rstrip("/"))):
                    faults.append(f"{where}:{n}: there is no {name}")
    return faults


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("innerloop")
    words.add_argument("page", nargs="*")
    words.add_argument("--slow", metavar="FOLDER")
    words.add_argument("--write", action="store_true")
    asked = words.parse_intermixed_args()
    chosen = [p for p in pages() if not asked.page or p.resolve() in [Path(w).resolve() for w in asked.page]]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Folder(asked.innerloop, asked.slow or temporary)
        faults = ([] if asked.page else check_names(folder)) + check_output(folder, chosen, asked.slow, asked.write)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
