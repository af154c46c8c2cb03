"""Forecasting series, row by row or from a DataFrame.

    forecaster = Forecaster(horizon=24, period=[24, 168]).fit(frame)     # a DatetimeIndex
    forecaster.predict()                                                 # the next 24 rows, with intervals
    forecaster.learn_one(y); forecaster.forecast(24)                     # a stream

A mesa-layer learns the series online (docs/forecast.md): nothing is fitted beforehand, and every error in `scores` was
made on a row that it had not seen. `learn_one` and `forecast` are those of river, so `river.time_series.evaluate`
takes a Forecaster.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._files import whole
from ._library import Array, Library, address, encoded, library, settings, warn
from .errors import ConfigError
from .model import Model
from .table import Table

PARTS = ("forecast", "low_80", "high_80", "low_95", "high_95")
Row = Union[float, Sequence[float], Dict[str, float]]


class Forecaster:
    """An online forecaster of one series or of several.

    Parameters
    ----------
    horizon : int
        how many rows ahead it forecasts
    period : int or list of int, optional
        lengths of seasons in rows: [24, 168] for hours with days and weeks
    freq : str, optional
        of the DatetimeIndex, as pandas spells it; unless given, that of the index, or its commonest step
    model : innerloop.Model, optional
        of a task of sequences, whose answers one row ahead are taken
    **options
        lags, others, forget, ridge, against: as `innerloop forecast` has them

    Raises
    ------
    ConfigError naming an option that there is not, or a value out of its range; it is a ValueError
    """

    def __init__(self, horizon: int = 1, period: Union[int, Sequence[int], None] = None, freq: Optional[str] = None,
                 model: Optional[Model] = None, **options: Any) -> None:  # fmt: skip
        self.horizon, self.period, self.freq, self.model, self.options = horizon, period, freq, model, options
        self.columns: List[str] = []
        self.last: Any = None  # the latest time of a DatetimeIndex,
        self._step = freq  # whose rows are so far apart
        self._lib: Library = library() if model is None else model._lib
        self._handle = 0
        self._named = False
        self._latest: Array = np.empty((0, horizon, len(PARTS)))
        self._start(["y"])  # says at once what is wrong with the options
        self._free()

    def _free(self) -> None:
        handle, self._handle = getattr(self, "_handle", 0), 0
        if handle:
            self._lib.c.il_forecast_free(handle)

    def __del__(self) -> None:
        self._free()

    def _given(self) -> Dict[str, Any]:
        return {"horizon": self.horizon, "period": self.period, **self.options}

    def _start(self, names: Sequence[str]) -> None:
        texts, n = settings(self._given())
        c_names = (ctypes.c_char_p * len(names))(*(encoded(name) for name in names))
        model = self.model._handle if self.model else None
        self._handle = self._lib.new("il_forecast_new", len(names), c_names, model, texts, n)
        self.columns = list(names)

    # ---- row by row ------------------------------------------------------------------------------------

    def learn_one(self, y: Row, x: Any = None) -> "Forecaster":
        """Take the next row in: a number, or one for every series, as a list or by name. NaN or None is missing.

        `x`, which river hands out beside a row, is not used.
        """
        if isinstance(y, dict):
            names, values = list(y), list(y.values())
        else:
            values = list(np.atleast_1d(np.asarray(y, dtype=float)))
            names = ["y"] if len(values) == 1 else [f"y{i}" for i in range(len(values))]
        if not self._handle:
            self._named = isinstance(y, dict)
            self._start(names)
        if isinstance(y, dict):
            if set(names) != set(self.columns):
                raise ConfigError(f"the row has the series {names}, and the forecaster learns {self.columns}", 3)
            values = [y[name] for name in self.columns]
        if len(values) != len(self.columns):
            raise ConfigError(f"the row has {len(values)} numbers, and the forecaster learns {len(self.columns)}", 3)
        row = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
        out = np.empty((len(row), self.horizon, len(PARTS)))
        self._lib.call("il_forecast_step", self._handle, address(row), address(out))
        self._latest = out
        return self

    def forecast(self, horizon: Optional[int] = None, xs: Any = None) -> List[Any]:
        """The next `horizon` rows: numbers, or of series by name a dict each; NaN before a series' first value."""
        n = self._ahead(horizon)
        rows = self._latest[:, :n, 0].T
        if self._named:
            return [dict(zip(self.columns, map(float, row))) for row in rows]
        return [float(row[0]) if len(row) == 1 else row.tolist() for row in rows]

    def _ahead(self, horizon: Optional[int]) -> int:
        n = self.horizon if horizon is None else horizon
        if not self._handle:
            raise ConfigError("the forecaster has learnt no row yet", 3)
        if not 1 <= n <= self.horizon:
            raise ConfigError(f"horizon = {n} is not in 1 to {self.horizon}, which it was made for", 3)
        return n

    # ---- tables ----------------------------------------------------------------------------------------

    def fit(self, y: Any) -> "Forecaster":
        """Forget all, and learn the rows of a Series or DataFrame in the order of its DatetimeIndex.

        Rows that its frequency lacks are missing values, and of two rows at one time the last counts; a warning
        says how many there are. Without a DatetimeIndex the rows are taken as they come.
        """
        self._free()
        self.last, self._step = None, self.freq
        return self.update(y)

    def update(self, y: Any) -> "Forecaster":
        """Learn the rows that come after those learnt so far."""
        import pandas

        frame = y.to_frame(y.name if y.name is not None else "y") if isinstance(y, pandas.Series) else pandas.DataFrame(y)
        names = [str(name) for name in frame.columns]
        if len(set(names)) < len(names):
            twice = next(name for at, name in enumerate(names) if name in names[:at])
            raise ConfigError(f"two columns are named '{twice}'", 3)
        frame = pandas.DataFrame({name: _numbers(name, frame.iloc[:, at]) for at, name in enumerate(names)}, frame.index)
        timed = isinstance(frame.index, pandas.DatetimeIndex)
        if timed:
            frame = self._regular(frame, pandas)
        for time, row in zip(frame.index, frame.to_numpy(dtype=float)):
            self.learn_one(dict(zip(names, row)))
            if timed:
                self.last = time  # where a later row is refused, too
        return self

    def _regular(self, frame: Any, pandas: Any) -> Any:
        """Every time of the frequency once."""
        frame = frame.sort_index(kind="stable")
        twice = int(frame.index.duplicated(keep="last").sum())
        if twice:
            warn(f"{twice} rows are at the time of another: of these the last counts", 4)
            frame = frame[~frame.index.duplicated(keep="last")]
        step = self._step or frame.index.freqstr or (pandas.infer_freq(frame.index) if len(frame) > 2 else None)
        if step is None:
            if len(frame) < 2:
                raise ConfigError("a single row has no frequency: give freq", 3)
            step = pandas.Series(frame.index[1:] - frame.index[:-1]).mode()[0]
        freq = step if isinstance(step, str) else pandas.tseries.frequencies.to_offset(step).freqstr
        first = frame.index[0] if self.last is None else pandas.date_range(self.last, periods=2, freq=freq)[1]
        if frame.index[0] < first:
            raise ConfigError(f"the rows begin at {frame.index[0]}, and those up to {self.last} are learnt already", 3)
        times = pandas.date_range(first, frame.index[-1], freq=freq)
        beside = ~frame.index.isin(times)
        if beside.any():
            raise ConfigError(f"{frame.index[beside][0]} is at no time of the frequency {freq} from {first} on: give "
                              "freq, or resample", 3)  # fmt: skip
        if len(times) > len(frame):
            warn(f"{len(times) - len(frame)} times have no row, and count as missing", 4)
        self._step = freq
        return frame.reindex(times)

    def predict(self, horizon: Optional[int] = None) -> Any:
        """A DataFrame of the next rows: forecast, low_80, high_80, low_95, high_95; of several series by name, then these.

        Its index goes on where that of the rows ended. Intervals are NaN while there are too few errors to say.
        """
        import pandas

        n = self._ahead(horizon)
        tables = {name: pandas.DataFrame(self._latest[i, :n], columns=list(PARTS)) for i, name in enumerate(self.columns)}
        frame = next(iter(tables.values())) if len(tables) == 1 else pandas.concat(tables, axis=1)
        if self.last is not None:
            frame.index = pandas.date_range(self.last, periods=n + 1, freq=self._step)[1:]
        else:
            frame.index = pandas.RangeIndex(1, n + 1, name="ahead")
        return frame

    @property
    def rows(self) -> int:
        """How many rows it has learnt."""
        return int(self._lib.c.il_forecast_rows(self._handle)) if self._handle else 0

    @property
    def scores(self) -> Table:
        """All errors so far, each of a forecast that was made before its row: mae, rmse, the share inside intervals."""
        self._ahead(None)
        handle = ctypes.c_void_p()
        self._lib.call("il_forecast_scores", self._handle, ctypes.byref(handle))
        return Table._take(self._lib, handle.value or 0)

    # ---- files -----------------------------------------------------------------------------------------

    def save(self, path: "os.PathLike[str] | str") -> None:
        """Write all it knows to a file (npz), as a whole or not at all; what is loaded from it goes on with the same bits.

        Raises FileError.
        """
        data = self._bytes()
        with whole(path) as file:
            file.write(data)

    @classmethod
    def load(cls, path: "os.PathLike[str] | str", model: Optional[Model] = None) -> "Forecaster":
        """A forecaster from its file. `model` is the one that it was made with."""
        return cls._from_bytes(Path(path).read_bytes(), model)

    def _bytes(self) -> bytes:
        self._ahead(None)
        facts = {"horizon": self.horizon, "period": self.period, "freq": self.freq, "step": self._step, "options": self.options,
                 "columns": self.columns, "named": self._named, "last": None if self.last is None else self.last.isoformat(),
                 "model": self.model is not None}  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "state")
            self._lib.call("il_forecast_save", self._handle, os.fsencode(file))
            state = np.frombuffer(Path(file).read_bytes(), np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, facts=np.array(json.dumps(facts)), latest=self._latest, state=state)
        return buffer.getvalue()

    @classmethod
    def _from_bytes(cls, data: bytes, model: Optional[Model]) -> "Forecaster":
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                facts, latest, state = json.loads(str(arrays["facts"])), arrays["latest"], arrays["state"].tobytes()
            if facts["model"] and model is None:
                raise ConfigError("the forecaster was made with a model: give it", 3)
            made = cls(facts["horizon"], facts["period"], facts["freq"], model, **facts["options"])
            made.columns, made._named, made._latest = facts["columns"], facts["named"], latest
            made._step = facts.get("step", made.freq)
            if facts["last"] is not None:
                import pandas

                made.last = pandas.Timestamp(facts["last"])
            if latest.shape != (len(made.columns), made.horizon, len(PARTS)) or latest.dtype != float:
                raise ValueError(f"its forecasts have the shape {latest.shape}")
        except ConfigError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
            raise ConfigError(f"this is no file of a forecaster, or it is damaged: {error}", 3) from None
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "state")
            Path(file).write_bytes(state)
            handle = model._handle if model else None
            made._handle = made._lib.new("il_forecast_load", os.fsencode(file), handle)
        return made

    def __getstate__(self) -> Dict[str, Any]:
        if self.model is not None:
            raise TypeError("a forecaster with a model is not pickled: save it, and load it with the model")
        if not self._handle:
            return {"made": (self.horizon, self.period, self.freq, None), "options": self.options}
        return {"data": self._bytes()}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        other = Forecaster._from_bytes(state["data"], None) if "data" in state else Forecaster(
            *state["made"], **state["options"])  # fmt: skip
        self.__dict__.update(other.__dict__)
        other._handle = 0  # it is this one's now

    def __repr__(self) -> str:
        what = ", ".join(f"{key}={value!r}" for key, value in self._given().items() if value is not None)
        return f"Forecaster({what})"


def _numbers(name: str, column: Any) -> Array:
    """A column as numbers, NaN where a value is missing."""
    try:
        found: Array = column.to_numpy(dtype=float, na_value=np.nan)
        return found
    except (ValueError, TypeError):
        for at, value in enumerate(column):
            try:
                column.iloc[at : at + 1].to_numpy(dtype=float, na_value=np.nan)
            except (ValueError, TypeError):
                raise ConfigError(f"column '{name}' holds {value!r} in row {at + 1}; a number or a missing one is expected",
                                  3) from None  # fmt: skip
        raise


def forecast(y: npt.ArrayLike, horizon: int = 1, **options: Any) -> List[Any]:
    """The next `horizon` numbers of a series y (n), in one call."""
    forecaster = Forecaster(horizon, **options)
    for value in np.asarray(y, dtype=float):
        forecaster.learn_one(value)
    return forecaster.forecast()
