"""Builds the C library and the program with make, and puts them into the package.

    INNERLOOP_BUILD   a folder in which make has built already (its BUILD), which links the system's libyaml; else
                      everything is built anew, with libyaml's source, which the sdist of a package on PyPI holds,
                      so that what is built needs nothing but the C library
    CC, MAKEFLAGS     the compiler and make's flags, as for make itself
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "python"))
VERSION = re.search(r"^VERSION := (\S+)", (ROOT / "Makefile").read_text(), re.M)[1]
LIBYAML = (
    "ruamel.yaml.clib==0.2.15 "
    "--hash=sha256:46e4cc8c43ef6a94885f72512094e482114a8a706d3c555a34ed4b0d20200600\n"
)
DARWIN = sys.platform == "darwin"


def run(*command):
    subprocess.run([str(word) for word in command], check=True, cwd=ROOT)


def compiler():
    return os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or "cc"


def build_libyaml(folder):
    """libyaml.a and yaml.h, from source."""
    library = folder / "libyaml.a"
    if library.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "requirements.txt"
    wanted.write_text(LIBYAML)
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation", "--no-binary", ":all:",
        "--require-hashes", "-r", wanted, "-d", folder)
    names = ["api", "dumper", "emitter", "loader", "parser", "reader", "scanner", "writer"]
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        for member in archive.getmembers():
            name = Path(member.name)
            if name.suffix in (".c", ".h") and (name.stem in names or name.suffix == ".h"):
                (folder / name.name).write_bytes(archive.extractfile(member).read())
    objects = []
    for name in names:
        objects.append(folder / f"{name}.o")
        run(*compiler().split(), "-O2", "-fPIC", "-fvisibility=hidden", "-DHAVE_CONFIG_H", "-I", folder, "-c",
            folder / f"{name}.c", "-o", objects[-1])
    run(*os.environ.get("AR", "ar").split(), "rcs", library, *objects)


def make(*words):
    flags = [] if "j" in os.environ.get("MAKEFLAGS", "") else [f"-j{os.cpu_count() or 1}"]
    run(os.environ.get("MAKE", "make"), "-s", *flags, f"CC={compiler()}", *words)


def built():
    """The folder in which make has built, after building what is missing."""
    ready = os.environ.get("INNERLOOP_BUILD")
    if ready:
        make("all", "shared", f"BUILD={ready}")
        return ROOT / ready
    folder = ROOT / "build" / "python" / f"{sysconfig.get_platform()}-{Path(compiler().split()[0]).name}"
    build_libyaml(folder / "yaml")
    make("all", "shared", f"BUILD={folder.relative_to(ROOT)}", f"CFLAGS=-I{folder}/yaml",
         f"LDLIBS={folder}/yaml/libyaml.a -lm -lpthread")
    return folder


def shared_library(folder, variant, name):
    ending = f"lib{name}.{VERSION}.dylib" if DARWIN else f"lib{name}.so.{VERSION}"
    return folder / variant / ending


class BuildPackage(build_py):
    """Python's files, and what make builds, in innerloop/_native."""

    def run(self):
        package = Path(self.build_lib) / "innerloop"
        shutil.rmtree(package, ignore_errors=True)
        super().run()
        native = package / "_native"
        folder = built()
        (native / "lib").mkdir(parents=True, exist_ok=True)
        (native / "bin").mkdir(exist_ok=True)
        for variant, name in (("float", "innerloop"), ("double", "innerloop-double")):
            self.put(shared_library(folder, variant, name), native / "lib" / f"lib{name}.so")
            self.put(folder / name, native / "bin" / name)
        shutil.copy2(ROOT / "tools" / "import_checkpoint.py", package)
        make("install-data", f"PREFIX={native.resolve()}", "DESTDIR=")
        import declarations

        (package / "_declared.py").write_text(declarations.python_of(ROOT / "include", compiler().split()))

    def put(self, source, to):
        shutil.copy2(source, to)
        if not DARWIN and shutil.which("strip"):
            subprocess.run(["strip", "--strip-unneeded", str(to)], check=False)


class Wheel(bdist_wheel):
    """One wheel for every Python 3: the library is loaded by ctypes, and links to no Python."""

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class Binary(Distribution):
    def has_ext_modules(self):
        return True


WORK = ROOT / "build" / "setuptools"
WORK.mkdir(parents=True, exist_ok=True)
setup(
    version=VERSION,
    cmdclass={"build_py": BuildPackage, "bdist_wheel": Wheel},
    distclass=Binary,
    options={"build": {"build_base": str(WORK)}, "egg_info": {"egg_base": str(WORK)}},
)
