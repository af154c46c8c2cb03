"""Errors: the library's own sentence, and its status, which is also the program's exit code."""


class Error(Exception):
    """Any failure of the library. `status` is 1 where no better class fits."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> "tuple[type[Error], tuple[str, int]]":
        return type(self), (str(self), self.status)


class UsageError(Error, ValueError):
    """A name that there is not; the sentence has the nearest one (status 2)."""


class ConfigError(Error, ValueError):
    """A recipe, a setting, a checkpoint's contents, or arrays that do not fit (status 3)."""


class NumericError(Error, ArithmeticError):
    """Training met a value that is not finite; the last good checkpoint stays (status 4)."""


class FileError(Error, OSError):
    """A file or folder could not be read or written (status 5)."""


class ClaimError(Error):
    """A claim is out of its tolerance (status 6)."""


class Interrupted(Error, KeyboardInterrupt):
    """Stopped on request, after saving (status 130)."""


_OF_STATUS = {2: UsageError, 3: ConfigError, 4: NumericError, 5: FileError, 6: ClaimError, 130: Interrupted}


def error_of(status: int, text: str) -> Error:
    return _OF_STATUS.get(status, Error)(text, status)
