"""Files that are written as a whole or not at all."""

import itertools
import os
from contextlib import contextmanager
from typing import BinaryIO, Iterator

from .errors import FileError

_numbers = itertools.count()


@contextmanager
def whole(path: "os.PathLike[str] | str") -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` once all is written and synced. Links are followed.

    Raises FileError, and leaves what was there as it was.
    """
    real = os.path.realpath(path)
    if os.path.exists(real) and not os.path.isfile(real):
        raise FileError(f"{os.fspath(path)} cannot be written: it is {'a folder' if os.path.isdir(real) else 'not a file'}", 5)
    temporary = f"{real}.{os.getpid()}-{next(_numbers)}.tmp"
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, real)
    except BaseException as problem:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        if isinstance(problem, OSError) and not isinstance(problem, FileError):
            raise FileError(f"{os.fspath(path)} cannot be written: {problem.strerror or problem}", 5) from None
        raise
    folder = os.open(os.path.dirname(real), os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too, survives a power cut
    finally:
        os.close(folder)
