#!/usr/bin/env python3
"""forecasters.py - forecast against AutoReg, ETS, SARIMAX and SNARIMAX on real series, one row ahead

    tools/forecasters.py FOLDER [--innerloop PROGRAM] [--by-series] [--setting=OPTION ...]

Pinned: Python 3.11, statsmodels 0.15.0, river 0.26.1, pandas 3.1.1; and on Debian 12 `apt-get install r-base-core`, whose
package datasets holds series. They are written to FOLDER as CSV; forecasts of the others are kept there, so that
a second run costs ours alone.

Everybody forecasts each of the latter 70 % of the rows from those before it. The others know the season from the data
set's frequency and are fitted again twenty times along the way, with their states brought up to each row between:

    autoreg   statsmodels AutoReg, lags by AIC up to 2 seasons or 12 or a quarter of the rows, seasonal dummies from the
              fifth season on
    ets       statsmodels ETSModel, additive errors; trend none, additive or damped and season none or additive by AICc
    sarimax   statsmodels SARIMAX (1,1,1), and (1,1,1) of the season where there is one
    snarimax  river's SNARIMAX of the same orders with its own regression, online

`innerloop` has its defaults and looks for a season by itself; `innerloop --period` is told it. Where a fit fails the row
is forecast by the last value, which is counted. Printed is the geometric mean over series of ours over each other's rmse,
the share of series in which ours is below, and ours over the best of each series.
"""
import argparse
import json
import subprocess
import sys
import warnings
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

FITS, SEEN = 20, 0.3
# name: (where from, column, rows of a season or 0)
SERIES = {
    "AirPassengers": ("datasets", "", 12), "BJsales": ("datasets", "", 0), "JohnsonJohnson": ("datasets", "", 4),
    "LakeHuron": ("datasets", "", 0), "UKDriverDeaths": ("datasets", "", 12), "UKgas": ("datasets", "", 4),
    "USAccDeaths": ("datasets", "", 12), "WWWusage": ("datasets", "", 0), "airmiles": ("datasets", "", 0),
    "austres": ("datasets", "", 4), "discoveries": ("datasets", "", 0), "ldeaths": ("datasets", "", 12),
    "mdeaths": ("datasets", "", 12), "fdeaths": ("datasets", "", 12), "lh": ("datasets", "", 0),
    "lynx": ("datasets", "", 0), "nhtemp": ("datasets", "", 0), "nottem": ("datasets", "", 12),
    "freeny.y": ("datasets", "", 4), "beaver1": ("datasets", "temp", 0), "beaver2": ("datasets", "temp", 0),
    "realcons": ("macrodata", "realcons", 0), "realinv": ("macrodata", "realinv", 0), "m1": ("macrodata", "m1", 0),
    "cpi": ("macrodata", "cpi", 0), "copper": ("copper", "WORLDCONSUMPTION", 0),
}


def load(source, name, column):
    """One series (rows)"""
    if source != "datasets":
        import statsmodels.api as sm
        return getattr(sm.datasets, source).load_pandas().data[column].to_numpy(float)
    value = f"{name}${column}" if column else f"as.numeric({name})"
    program = f"writeLines(format({value}, digits=15, trim=TRUE))"
    made = subprocess.run(["Rscript", "-e", program], capture_output=True, text=True, check=True)
    return np.loadtxt(StringIO(made.stdout))


# ---- the others: fit(y) -> state, follow(state, y) -> one-step forecasts of all rows of y, from the parameters of the fit


def fit_autoreg(y, period):
    from statsmodels.tsa.ar_model import ar_select_order
    season = period if len(y) > 4 * period else 0
    most = max(1, min(2 * period or 12, (len(y) - season) // 4))
    return ar_select_order(y, most, ic="aic", seasonal=season > 0, period=season or None).model.fit()


def follow_autoreg(fitted, y):
    known = len(fitted.model.endog)
    return fitted.append(y[known:]).predict(known, len(y) - 1) if len(y) > known else []


def fit_ets(y, period):
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel
    best = None
    for trend, damped in ((None, False), ("add", False), ("add", True)):
        for season in (None, "add") if period and len(y) >= 2 * period + 2 else (None,):
            options = dict(error="add", trend=trend, damped_trend=damped, seasonal=season,
                           seasonal_periods=period if season else None)
            fitted = ETSModel(y, **options).fit(disp=False)
            if best is None or fitted.aicc < best[0].aicc:
                best = fitted, options
    return best


def follow_ets(state, y):
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel
    fitted, options = state
    return ETSModel(y, **options).smooth(fitted.params).fittedvalues[len(fitted.model.endog):]


def fit_sarimax(y, period):
    from statsmodels.tsa.statespace.sarimax import SARIMAX
    season = (1, 1, 1, period) if period and len(y) > 3 * period else (0, 0, 0, 0)
    return SARIMAX(y, order=(1, 1, 1), seasonal_order=season).fit(disp=False)


def follow_sarimax(fitted, y):
    known = len(fitted.model.endog)
    return fitted.append(y[known:], refit=False).fittedvalues[known:]


def ask_fitted(fit, follow, y, period):
    """(forecasts of the latter rows, how many of them are the last value because a fit failed)"""
    start = int(np.ceil(SEEN * len(y)))
    step = max(1, (len(y) - start) // FITS)
    forecasts, failed = [], 0
    for known in range(start, len(y), step):
        to = min(known + step, len(y))
        try:
            values = np.asarray(follow(fit(y[:known], period), y[:to]), float)[: to - known]
            if len(values) < to - known or not np.isfinite(values).all():
                raise ValueError("no number")
        except (ValueError, IndexError, np.linalg.LinAlgError):
            values, failed = y[known - 1: to - 1], failed + to - known
        forecasts += [float(v) for v in values]
    return forecasts, failed


def ask_snarimax(y, period):
    from river import time_series
    season = dict(m=period, sp=1, sd=1, sq=1) if period else {}
    model, forecasts, failed = time_series.SNARIMAX(p=1, d=1, q=1, **season), [], 0
    for t, value in enumerate(y):
        try:
            forecast = float(model.forecast(horizon=1)[0])
        except (IndexError, ValueError, OverflowError):
            forecast = np.nan
        if not np.isfinite(forecast):
            forecast, failed = float(y[t - 1]) if t else 0.0, failed + (t >= SEEN * len(y))
        forecasts.append(forecast)
        model.learn_one(float(value))
    return forecasts[int(np.ceil(SEEN * len(y))):], failed


OTHERS = {"autoreg": lambda y, period: ask_fitted(fit_autoreg, follow_autoreg, y, period),
          "ets": lambda y, period: ask_fitted(fit_ets, follow_ets, y, period),
          "sarimax": lambda y, period: ask_fitted(fit_sarimax, follow_sarimax, y, period),
          "snarimax": ask_snarimax}


def ask_others(path, y, period):
    """{who: (forecasts, fits that failed)}, kept in a file"""
    answers = json.loads(path.read_text()) if path.exists() else {}
    for who in OTHERS.keys() - answers.keys():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers[who] = OTHERS[who](y, period)
        path.write_text(json.dumps(answers))
    return answers


def ask_ours(args, path, rows, options):
    made = subprocess.run([args.innerloop, "forecast", path, "--csv", *options, *args.setting], capture_output=True, text=True)
    if made.returncode:
        sys.exit(f"forecasters.py: {path}: {made.stderr}")
    table = pd.read_csv(StringIO(made.stdout))
    one = table[(table["ahead"] == 1) & (table["row"] <= rows)].set_index("row")["forecast"]
    return [float(one[t + 1]) for t in range(int(np.ceil(SEEN * rows)), rows)]


def measure(args):
    """{series: {who: rmse}} and how often each of the others failed"""
    scores, failed = {}, {}
    for name, (source, column, period) in SERIES.items():
        path = args.folder / f"{name}.csv"
        if not path.exists():
            pd.DataFrame({name: load(source, name, column)}).to_csv(path, index=False)
        y = pd.read_csv(path)[name].to_numpy(float)
        others = ask_others(path.with_suffix(".json"), y, period)
        answers = {who: values for who, (values, _) in others.items()}
        for who, (_, n) in others.items():
            failed[who] = failed.get(who, 0) + n
        answers["innerloop"] = ask_ours(args, path, len(y), [])
        answers["innerloop --period"] = ask_ours(args, path, len(y), ["--period", str(period)] if period else [])
        truth = y[int(np.ceil(SEEN * len(y))):]
        answers["last value"] = y[int(np.ceil(SEEN * len(y))) - 1: -1]
        scores[name] = {who: float(np.sqrt(np.mean((np.asarray(v) - truth) ** 2))) for who, v in answers.items()}
        print(f"{name}: {len(y)} rows", file=sys.stderr)
    return pd.DataFrame(scores).T, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--innerloop", default="innerloop")
    parser.add_argument("--setting", action="append", default=[], help="an option of forecast, as --setting=--lags=6")
    parser.add_argument("--by-series", action="store_true", help="also print every rmse, over the last value's")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    scores, failed = measure(args)
    others = [who for who in scores if who in failed]
    print(f"{len(scores)} series; rows forecast by the last value because a fit failed: {failed}")
    for ours in ("innerloop", "innerloop --period"):
        print(f"{ours}: geometric mean of its rmse over that of each (share of series below 1)")
        for other in others + ["last value"]:
            ratio = scores[ours] / scores[other]
            print(f"  {other.ljust(12)}{np.exp(np.log(ratio).mean()):.3f} ({(ratio < 1).mean():.0%})")
        ratio = scores[ours] / scores[others].min(axis=1)
        print(f"  {'best of them'.ljust(12)}{np.exp(np.log(ratio).mean()):.3f} ({(ratio < 1).mean():.0%})")
    if args.by_series:
        print(scores.div(scores["last value"], axis=0).round(3).to_string())


if __name__ == "__main__":
    main()
