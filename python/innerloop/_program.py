"""The console script `innerloop`: the C program that lies in the package."""

import os
import sys
from pathlib import Path


def main() -> None:
    program = Path(__file__).with_name("_native") / "bin" / "innerloop"
    os.execv(str(program), [str(program), *sys.argv[1:]])
