"""The forecaster: as the program forecasts, with DataFrames, gaps, files, and river's interface."""

import io
import pickle
import warnings

import numpy as np
import pytest

import innerloop
from innerloop.forecast import Forecaster, forecast

pandas = pytest.importorskip("pandas")


@pytest.fixture
def series(rng):
    t = np.arange(300)
    return np.sin(2 * np.pi * t / 24) * 3 + t * 0.01 + rng.normal(size=300) * 0.1


def hours(values, start="2024-01-01"):
    return pandas.Series(values, pandas.date_range(start, periods=len(values), freq="h"), name="load")


def test_it_forecasts_as_the_program(series, tmp_path):
    import subprocess
    import sys

    pandas.DataFrame({"y": series}).to_csv(tmp_path / "s.csv", index=False)
    command = [sys.executable, "-c", "from innerloop._program import main; main()", "forecast", str(tmp_path / "s.csv"),
               "--period", "24", "--horizon", "6", "--last"]  # fmt: skip
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    want = pandas.read_csv(io.StringIO(text))
    found = Forecaster(6, period=24).fit(pandas.DataFrame({"y": series})).predict()
    for column in ("forecast", "low_80", "high_95"):
        assert np.allclose(found[column], want[column], rtol=1e-5)
    assert found["forecast"].tolist() == forecast(series, 6, period=24)


def test_its_index_goes_on(series):
    found = Forecaster(3, period=24).fit(hours(series)).predict()
    assert found.index[0] == pandas.Timestamp("2024-01-13 12:00") and found.index.freqstr == "h"
    assert (found["low_95"] < found["low_80"]).all() and (found["low_80"] < found["forecast"]).all()
    months = pandas.Series(series[:60], pandas.date_range("2019-01-01", periods=60, freq="MS"))
    assert Forecaster(2).fit(months).predict().index[1] == pandas.Timestamp("2024-02-01")


def test_gaps_are_missing_and_said_and_the_last_of_two_counts(series):
    whole = hours(series)
    early = whole.iloc[[100]] * 0 + 99
    before = pandas.concat([early, whole.drop(whole.index[[50, 51, 200]])])
    with pytest.warns(innerloop.InnerloopWarning) as said:
        found = Forecaster(2).fit(before)
    assert [str(w.message).split(" ")[0] for w in said] == ["1", "3"] and found.rows == 300
    missing = whole.copy()
    missing.iloc[[50, 51, 200]] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Forecaster(2).fit(missing).forecast() == found.forecast()


def test_rows_that_were_learnt_and_times_between_are_refused(series):
    found = Forecaster().fit(hours(series))
    with pytest.raises(ValueError, match="learnt already"):
        found.update(hours(series[:5]))
    with pytest.raises(ValueError, match="no time of the frequency"):
        Forecaster(freq="2h").fit(hours(series))
    with pytest.raises(ValueError, match="horizon = 9"):
        found.forecast(9)
    with pytest.raises(ValueError, match="lags"):
        Forecaster(lags=-1)


def test_several_series_by_name(series):
    frame = pandas.DataFrame({"a": series, "b": -series}, pandas.date_range("2024", periods=300, freq="D"))
    found = Forecaster(2, others=1).fit(frame)
    assert list(found.forecast()[0]) == ["a", "b"]
    assert found.predict()[("b", "forecast")].iloc[1] == found.forecast()[1]["b"]
    assert set(found.scores["column"]) == {"a", "b"}


@pytest.mark.parametrize("way", ["file", "pickle"])
def test_a_saved_one_goes_on_with_the_same_bits(series, way, tmp_path):
    first = Forecaster(4, period=24).fit(hours(series[:200]))
    if way == "file":
        first.save(tmp_path / "state.npz")
        again = Forecaster.load(tmp_path / "state.npz")
    else:
        again = pickle.loads(pickle.dumps(first))
    assert again.predict().equals(first.predict())
    rest = hours(series)[200:]
    assert again.update(rest).predict().equals(Forecaster(4, period=24).fit(hours(series)).predict())


def test_river_evaluates_it(series):
    time_series = pytest.importorskip("river.time_series")
    metrics = pytest.importorskip("river.metrics")
    rows = [(None, float(y)) for y in series]
    score = time_series.evaluate(rows, Forecaster(3, period=24), metrics.MAE(), horizon=3)
    assert score.metrics[2].get() < 0.5 * np.abs(series[3:] - series[:-3]).mean()  # of persistence, start included


def test_a_row_that_is_refused_leaves_the_rows_before_it(series):
    load = hours(series[:30])
    forecaster = Forecaster().fit(load[:10])
    words = load[10:20].astype(object)
    words.iloc[5] = "oops"
    with pytest.raises(innerloop.errors.ConfigError, match="column 'load' holds 'oops' in row 6"):
        forecaster.update(words)
    assert forecaster.rows == 10
    huge = load[10:20].copy()
    huge.iloc[5] = np.inf
    with pytest.raises(innerloop.errors.ConfigError, match="holds inf"):
        forecaster.update(huge)
    assert forecaster.rows == 15 and forecaster.predict().index[0] == load.index[15]
    assert forecaster.update(load[15:]).rows == 30
    assert forecaster.forecast() == Forecaster().fit(load).forecast()


def test_columns_of_one_name_are_refused(series):
    for names in (["a", "a"], [1, "1"]):
        with pytest.raises(innerloop.errors.ConfigError, match=f"two columns are named '{names[0]}'"):
            Forecaster().fit(pandas.DataFrame(series.reshape(-1, 2), columns=names))


def test_a_fit_forgets_the_frequency_before(series):
    days = pandas.Series(series[:30], pandas.date_range("2024-01-01", periods=30, freq="D"), name="load")
    forecaster = Forecaster().fit(hours(series)).fit(days)
    assert forecaster.rows == 30 and forecaster.freq is None
    assert forecaster.predict().index[0] == pandas.Timestamp("2024-01-31")
