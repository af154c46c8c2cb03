"""The C library by ctypes: in single precision, and its twin in double."""

import ctypes
import operator
import threading
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from . import _declared
from .errors import ConfigError, Error, error_of

NATIVE = Path(__file__).with_name("_native")
FILES = {"float32": "libinnerloop.so", "float64": "libinnerloop-double.so"}
Array = npt.NDArray[Any]
WHOLE = {"i32": (-(1 << 31), 1 << 31), "u32": (0, 1 << 32), "i64": (-(1 << 63), 1 << 63), "u64": (0, 1 << 64)}


class Library:
    """One of the two libraries. Every C function that returns a status is called through `call`."""

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.c = ctypes.CDLL(str(NATIVE / "lib" / FILES[dtype]))
        real = ctypes.c_double if dtype == "float64" else ctypes.c_float
        self.words: Dict[str, Any] = {
            "": None, "i32": ctypes.c_int, "u32": ctypes.c_uint, "i64": ctypes.c_int64, "u64": ctypes.c_uint64,
            "f32": ctypes.c_float, "f64": ctypes.c_double, "real": real, "text": ctypes.c_char_p,
            "pointer": ctypes.c_void_p}
        for name, fields in _declared.STRUCTS.items():
            members = [(field, self.type_of(word)) for field, word in fields]
            self.words[name] = type(name, (ctypes.Structure,), {"_fields_": members})
        self.error_type = self.words["il_error"]
        for name, (result, arguments) in _declared.FUNCTIONS.items():
            function = getattr(self.c, name)
            function.restype = self.type_of(result)
            function.argtypes = [self.type_of(word) for word in arguments]

    def type_of(self, word: str) -> Any:
        of, _, size = word.partition(":")
        if not size:
            return self.words[of]
        return (ctypes.c_char if of == "text" else self.words[of]) * int(size)

    def struct(self, name: str, /, **fields: Any) -> Any:
        for field, word in _declared.STRUCTS[name]:
            if field in fields:
                checked(word, fields[field])
        return self.words[name](**fields)

    def callback(self, name: str, function: Callable[..., Any]) -> Any:
        """A C function that calls `function`; it lives as long as the object that is returned."""
        result, arguments = _declared.CALLBACKS[name]
        return ctypes.CFUNCTYPE(self.type_of(result), *(self.type_of(word) for word in arguments))(function)

    def call(self, name: str, *arguments: Any) -> None:
        """Calls a function whose last argument is an error. Raises what it says."""
        error = self.error_type()
        for word, value in zip(_declared.FUNCTIONS[name][1], arguments):
            checked(word, value)
        if getattr(self.c, name)(*arguments, ctypes.byref(error)):
            raise error_of(error.status, error.text.decode())

    def new(self, name: str, *arguments: Any) -> int:
        """Calls a function that hands out an object by its first argument."""
        handle = ctypes.c_void_p()
        self.call(name, ctypes.byref(handle), *arguments)
        assert handle.value is not None
        return handle.value

    def written(self, name: str, *arguments: Any) -> str:
        """What a function writes that takes an il_write_fn and its context last."""
        pieces: List[bytes] = []
        write = self.callback("il_write_fn", lambda _, at, n: pieces.append(ctypes.string_at(at, n)))
        getattr(self.c, name)(*arguments, write, None)
        return b"".join(pieces).decode()


_libraries: Dict[str, Library] = {}
_loading = threading.Lock()


def library(dtype: "npt.DTypeLike" = "float32") -> Library:
    """The library that computes in this type."""
    name = np.dtype(dtype).name
    if name not in FILES:
        raise Error(f"models compute in float32 or float64, not in {name}", 2)
    with _loading:
        if name not in _libraries:
            _libraries[name] = Library(name)
        return _libraries[name]


def unknown(kind: str, name: str, known: Sequence[str]) -> Error:
    """The error for a name that is neither a file nor one that comes with the package."""
    words = (ctypes.c_char_p * len(known))(*(word.encode() for word in known))
    near: Optional[bytes] = library().c.il_nearest(name.encode(), words, len(known))
    hint = f"; did you mean '{near.decode()}'?" if near else f": {', '.join(known) or 'there are none'}"
    return error_of(5, f"no {kind} '{name}': neither a file nor one of the package's{hint}")


def checked(word: str, value: Any) -> None:
    """Raises ConfigError for what ctypes would cut down: a whole number that is too large, a text with a NUL in it."""
    if word in WHOLE:
        try:
            number = operator.index(value)
        except TypeError:
            raise ConfigError(f"{value!r} is no whole number", 3) from None
        least, end = WHOLE[word]
        if not least <= number < end:
            raise ConfigError(f"{number} is not between {least} and {end - 1}", 3)
    elif word == "text" and isinstance(value, bytes) and b"\0" in value:
        raise ConfigError(f"{value.decode(errors='replace')!r} holds a byte 0x00", 3)


def encoded(text: str) -> bytes:
    """A text as the C library takes it. Raises ConfigError for what is none: a NUL, half a character."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{text!r} is no text: it has a character that UTF-8 has not", 3) from None
    checked("text", data)
    return data


def address(array: Optional[Array]) -> Optional[int]:
    """Where a contiguous array begins; None for none."""
    return None if array is None else array.__array_interface__["data"][0]


def settings(options: Dict[str, Any]) -> Tuple[Any, int]:
    """Options as the C library takes them: n texts "key=value". A list becomes values between commas."""
    texts = [encoded(f"{key}={value_text(value)}") for key, value in options.items() if value is not None]
    return (ctypes.c_char_p * max(len(texts), 1))(*texts), len(texts)


def value_text(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    if isinstance(value, (list, tuple)):
        return ",".join(value_text(one) for one in value)
    return str(value)


def pointers(arrays: Sequence[Array]) -> Any:
    return (ctypes.c_void_p * max(len(arrays), 1))(*(address(a) for a in arrays))


def warn(text: str, level: int = 3) -> None:
    """A note of the library, as a warning of who called the package."""
    warnings.warn(text, InnerloopWarning, stacklevel=level)


class InnerloopWarning(UserWarning):
    """What the library notes beside a result."""
