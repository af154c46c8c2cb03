"""Tables: named columns of numbers or text, as the library's measures answer them."""

import html
from typing import Any, Dict, Iterator, List, Mapping, Sequence

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
        notes = c.il_table_notes(handle).decode().split("\n")
        text = lib.written("il_table_write", handle, 1)
        return cls(c.il_table_name(handle).decode(), c.il_table_caption(handle).decode(), [n for n in notes if n], columns, text)

    @classmethod
    def of(cls, lib: Library, name: str, columns: Mapping[str, Sequence[Any]]) -> "Table":
        """A table of columns of numbers or texts."""
        handle = lib.new("il_table_new", name.encode())
        kinds = {column: bool(len(cells)) and isinstance(cells[0], str) for column, cells in columns.items()}
        for column, text in kinds.items():
            lib.call("il_table_add_col", handle, column.encode(), int(text))
        for row, cells in enumerate(zip(*columns.values())):
            lib.call("il_table_add_row", handle)
            for col, cell in enumerate(cells):
                if isinstance(cell, str):
                    lib.call("il_table_set_text", handle, row, col, cell.encode())
                else:
                    lib.c.il_table_set(handle, row, col, float(cell))
        return cls._take(lib, handle)

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

    def plot(self, ax: Any = None) -> Any:
        """Draws every column of numbers over the first one (needs matplotlib); returns the axes."""
        import matplotlib.pyplot as plt

        if ax is None:
            ax = plt.subplots(layout="constrained")[1]
        numbers = [name for name, cells in self.items() if cells.dtype != object]
        for name in numbers[1:]:
            ax.plot(self[numbers[0]], self[name], label=name)
        ax.set(xlabel=numbers[0], title=self.name)
        ax.legend()
        return ax

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
