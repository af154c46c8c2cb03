"""Tables: named columns of numbers or text, as the library's measures answer them."""

import html
from typing import Any, Dict, Iterator, List, Mapping

import numpy as np

from ._library import Array, Library


class Table(Mapping[str, Array]):
    """A table of the library, copied: a mapping of column names to arrays.

    Attributes
    ----------
    name, caption : str
        What it is called, and what its numbers are.
    notes : list of str
        What its reader should know, a sentence each.
    """

    def __init__(self, name: str, caption: str, notes: List[str], columns: Dict[str, Array], text: str) -> None:
        self.name = name
        self.caption = caption
        self.notes = notes
        self._columns = columns
        self._text = text

    @classmethod
    def _take(cls, lib: Library, handle: int) -> "Table":
        """Copies a C table and frees it."""
        try:
            return cls._copy(lib, handle)
        finally:
            lib.c.il_table_free(handle)

    @classmethod
    def _copy(cls, lib: Library, handle: int) -> "Table":
        c = lib.c
        rows = range(c.il_table_rows(handle))
        columns: Dict[str, Array] = {}
        for col in range(c.il_table_cols(handle)):
            if c.il_table_is_text(handle, col):
                cells: Array = np.array([c.il_table_text(handle, row, col).decode() for row in rows], dtype=object)
            else:
                cells = np.array([c.il_table_number(handle, row, col) for row in rows], dtype=float)
            columns[c.il_table_col(handle, col).decode()] = cells
        notes = c.il_table_notes(handle).decode().splitlines()
        text = lib.written("il_table_write", handle, 1)
        return cls(c.il_table_name(handle).decode(), c.il_table_caption(handle).decode(), notes, columns, text)

    def __getitem__(self, column: str) -> Array:
        return self._columns[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def rows(self) -> List[Dict[str, Any]]:
        """The rows, each a dict of column names to numbers and texts."""
        names = list(self._columns)
        return [dict(zip(names, cells)) for cells in zip(*(self._columns[n].tolist() for n in names))]

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with the same columns; its `attrs` hold name, caption and notes."""
        import pandas

        frame = pandas.DataFrame(self._columns)
        frame.attrs.update(name=self.name, caption=self.caption, notes=self.notes)
        return frame

    def __repr__(self) -> str:
        return self._text.rstrip("\n")

    def _repr_html_(self) -> str:
        def cell(value: Any) -> str:
            return html.escape(value if isinstance(value, str) else "" if value != value else f"{value:.6g}")

        head = "".join(f"<th>{html.escape(name)}</th>" for name in self)
        body = "".join("<tr>" + "".join(f"<td>{cell(v)}</td>" for v in row.values()) + "</tr>" for row in self.rows)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return (f"<table><caption>{html.escape(self.caption or self.name)}</caption><thead><tr>{head}</tr></thead>"
                f"<tbody>{body}</tbody></table>{notes}")
