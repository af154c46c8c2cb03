#!/usr/bin/env python3
"""tables.py - predict against ridge, forests, boosted trees and nearest neighbours on real tables

    tools/tables.py FOLDER [--model MODEL ...] [--innerloop PROGRAM] [--select] [--classes] [--splits 20]

Pinned: Python 3.11, scikit-learn 1.9.1, xgboost-cpu 3.2.0, statsmodels 0.15.0, pandas 3.1.1; and on Debian 12
`apt-get install r-base-core r-recommended`, whose packages MASS, nlme, mgcv, lattice and datasets hold tables.
The tables are written to FOLDER as CSV; answers of the learners that stand beside the model are kept there, so
that a second model costs its own answers alone.

A cell is a table with 10, 20, 40 or 80 examples; it counts where at least 10 rows are left to be predicted (at most 200 are).
Its figure is the median over the splits of the rmse (with --classes: of the area under the ROC curve). Printed is the
geometric mean over cells of the model's rmse over each other's, and the share of cells in which it is below; with
--classes the mean areas. Learners have their defaults, after encoding text as indicators and filling missing cells
with means; ridge chooses its penalty by leaving one example out; nearest neighbours read standardised inputs.

--select takes the tables by which models and their settings may be chosen: these are not among the others.
"""
import argparse
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

ROWS, TESTED = (10, 20, 40, 80), 200

# name: (where from, target, columns that are left out)
SELECT = {
    "swiss": ("datasets", "Fertility", ""), "mtcars": ("datasets", "mpg", ""),
    "airquality": ("datasets", "Ozone", ""), "attitude": ("datasets", "rating", ""),
    "rock": ("datasets", "perm", ""), "trees": ("datasets", "Volume", ""), "cpus": ("MASS", "perf", "name estperf"),
    "hills": ("MASS", "time", ""), "ethanol": ("lattice", "NOx", ""), "GAGurine": ("MASS", "GAG", ""),
    "Orthodont": ("nlme", "distance", "Subject"), "geyser": ("MASS", "waiting", ""),
}
TABLES = {
    "diabetes": ("sklearn", "target", ""),
    "statecrime": ("statsmodels", "violent", "murder"), "ccard": ("statsmodels", "AVGEXP", ""),
    "heart": ("statsmodels", "survival", ""), "cancer": ("statsmodels", "cancer", ""),
    "star98": ("statsmodels", "NABOVE", "NBELOW"), "fair": ("statsmodels", "rate_marriage", "affairs"),
    "grunfeld": ("statsmodels", "invest", "firm"), "randhie": ("statsmodels", "mdvis", ""),
    "Boston": ("MASS", "medv", ""), "UScrime": ("MASS", "y", ""), "birthwt": ("MASS", "bwt", "low"),
    "Cars93": ("MASS", "Price", "Manufacturer Model Min.Price Max.Price Make Cylinders"), "UScereal": ("MASS", "calories", ""),
    "crabs": ("MASS", "CW", "index"), "mammals": ("MASS", "brain", ""), "cats": ("MASS", "Hwt", ""),
    "quine": ("MASS", "Days", ""), "Insurance": ("MASS", "Claims", ""), "cabbages": ("MASS", "VitC", ""),
    "iris": ("datasets", "Sepal.Length", ""), "quakes": ("datasets", "mag", ""),
    "LifeCycleSavings": ("datasets", "sr", ""), "ChickWeight": ("datasets", "weight", "Chick"),
    "attenu": ("datasets", "accel", "station"), "USJudgeRatings": ("datasets", "RTEN", ""),
    "warpbreaks": ("datasets", "breaks", ""), "ToothGrowth": ("datasets", "len", ""),
    "MathAchieve": ("nlme", "MathAch", "School"), "Dialyzer": ("nlme", "rate", "Subject index"),
    "Oats": ("nlme", "yield", ""), "barley": ("lattice", "yield", ""), "environmental": ("lattice", "ozone", ""),
    "singer": ("lattice", "height", ""),
}
# name: (where from, table, target, the class that counts as 1, columns that are left out)
CLASSES = {
    "breast_cancer": ("sklearn", "breast_cancer", "target", 1, ""), "wine": ("sklearn", "wine", "target", 1, ""),
    "virginica": ("datasets", "iris", "Species", "virginica", ""), "biopsy": ("MASS", "biopsy", "class", "malignant", "ID"),
    "low_birthwt": ("MASS", "birthwt", "low", 1, "bwt"), "pima": ("MASS", "Pima.te", "type", "Yes", ""),
    "bacteria": ("MASS", "bacteria", "y", "y", "ID"), "crabs_sex": ("MASS", "crabs", "sex", "M", "index"),
    "cats_sex": ("MASS", "cats", "Sex", "M", ""), "synth": ("MASS", "synth.tr", "yc", 1, ""),
    "infert": ("datasets", "infert", "case", 1, "stratum pooled.stratum"), "ulcer": ("MASS", "Melanoma", "ulcer", 1, ""),
    "vote": ("statsmodels", "anes96", "vote", 1, ""), "supp": ("datasets", "ToothGrowth", "supp", "VC", ""),
}


def load(source, name, target, left_out):
    """One table: from R, scikit-learn or statsmodels; rows without a target are left out."""
    if source == "sklearn":
        from sklearn import datasets
        table = getattr(datasets, f"load_{name}")(as_frame=True).frame
    elif source == "statsmodels":
        import statsmodels.api as sm
        table = getattr(sm.datasets, name).load_pandas().data
    else:
        program = f"data('{name}', package='{source}'); write.csv(as.data.frame({name}), row.names=FALSE, na='')"
        made = subprocess.run(["Rscript", "-e", program], capture_output=True, text=True, check=True)
        from io import StringIO
        table = pd.read_csv(StringIO(made.stdout))
    table = table.drop(columns=left_out.split())
    return table[table[target].notna()].reset_index(drop=True)


def tables_of(args):
    """(name, table, target), the target a number"""
    if not args.classes:
        chosen = SELECT if args.select else TABLES
        for name, (source, target, left_out) in chosen.items():
            yield name, load(source, name, target, left_out), target
        return
    for name, (source, of, target, one, left_out) in CLASSES.items():
        table = load(source, of, target, left_out)
        table[target] = (table[target] == one).astype(int)
        yield name, table, target


def encode(examples, queries, target):
    """Text becomes indicators and a missing cell the mean of the examples: what the other learners read."""
    x, q = examples.drop(columns=target), queries.drop(columns=target)
    both = pd.get_dummies(pd.concat([x, q]), drop_first=True, dtype=float)
    x, q = both.iloc[: len(x)], both.iloc[len(x):]
    mean = x.mean().fillna(0)
    return x.fillna(mean).to_numpy(float), q.fillna(mean).to_numpy(float)


def learners(classes):
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeCV
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBClassifier, XGBRegressor
    if classes:
        return {"logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
                "forest": RandomForestClassifier(random_state=0), "knn": make_pipeline(StandardScaler(), KNeighborsClassifier()),
                "xgboost": XGBClassifier(n_jobs=1)}
    return {"ridge": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 22))), "ols": LinearRegression(),
            "forest": RandomForestRegressor(random_state=0), "knn": make_pipeline(StandardScaler(), KNeighborsRegressor()),
            "xgboost": XGBRegressor(n_jobs=1)}


def ask_others(examples, queries, target, classes):
    """{learner: its answers}"""
    x, q = encode(examples, queries, target)
    y = examples[target].to_numpy()
    answers = {}
    for name, learner in learners(classes).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = learner.fit(x, y)
            values = fitted.predict_proba(q)[:, 1] if classes else fitted.predict(q)
        answers[name] = [float(v) for v in values]
    return answers


def ask_model(args, model, examples, queries, target):
    files = [args.folder / f"{part}.{model.replace('/', '_')}.csv" for part in ("examples", "queries")]
    for file, table in zip(files, (examples, queries)):
        table.to_csv(file, index=False)
    command = [args.innerloop, "predict", model, "--examples", files[0], "--queries", files[1], "--target", target,
               "--json"] + args.setting
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        sys.exit(f"tables.py: {model}: {made.stderr}")
    return [row[1] for row in json.loads(made.stdout)["answers"]["rows"]]


def split(table, target, rows, number, classes):
    """Examples and queries of a split, or None where there are too few rows; of classes, both must be shown."""
    rng = np.random.default_rng([rows, number])
    for _ in range(100):
        order = rng.permutation(len(table))
        examples, queries = table.iloc[order[:rows]], table.iloc[order[rows: rows + TESTED]]
        if len(queries) < 10:
            return None
        if not classes or (examples[target].nunique() == 2 and queries[target].nunique() == 2):
            return examples, queries
    return None


def score(answers, truth, classes):
    if classes:
        from sklearn.metrics import roc_auc_score
        return roc_auc_score(truth, answers)
    return float(np.sqrt(np.mean((np.asarray(answers) - truth) ** 2)))


def kept(path, make):
    """What `make` returns, or what an earlier run kept"""
    if path.exists():
        return json.loads(path.read_text())
    value = make()
    path.write_text(json.dumps(value))
    return value


def measure(args):
    """{(table, rows): {learner: the median score}}"""
    cells = {}
    for name, table, target in tables_of(args):
        for rows in ROWS:
            scores = {}
            for number in range(args.splits):
                parts = split(table, target, rows, number, args.classes)
                if parts is None:
                    break
                examples, queries = parts
                stem = args.folder / f"{name}.{rows}.{number}.{'classes' if args.classes else 'numbers'}.json"
                answers = kept(stem, lambda: ask_others(examples, queries, target, args.classes))
                for model in args.model:
                    answers[model] = ask_model(args, model, examples, queries, target)
                truth = queries[target].to_numpy(float)
                for who, values in answers.items():
                    scores.setdefault(who, []).append(score(values, truth, args.classes))
            if scores:
                cells[name, rows] = {who: float(np.median(s)) for who, s in scores.items()}
    return cells


def show_ratios(cells, args):
    first = next(iter(cells.values()))
    for model in args.model or ["ridge"]:
        print(f"{model}: geometric mean of its rmse over that of each, by examples (share of cells below 1)")
        print("over".ljust(10) + "".join(str(rows).rjust(14) for rows in ROWS) + "all".rjust(14))
        for other in first:
            if other == model:
                continue
            line = other.ljust(10)
            for group in [*ROWS, None]:
                logs = [np.log(c[model] / c[other]) for (_, rows), c in cells.items() if group in (None, rows)]
                line += (f"{np.exp(np.mean(logs)):.3f} ({np.mean(np.array(logs) < 0):.0%})".rjust(14)
                         if logs else "".rjust(14))
            print(line)
    ranks = pd.DataFrame(cells).T.rank(axis=1).mean().sort_values()
    print("mean rank: " + ", ".join(f"{who} {rank:.2f}" for who, rank in ranks.items()))
    if args.by_table:
        table = pd.DataFrame(cells).T
        print((table.div(table["ridge"], axis=0)).round(3).to_string())


def show_areas(cells):
    print(pd.DataFrame(cells).T.groupby(level=1).mean().round(4).to_string())
    print(pd.DataFrame(cells).T.mean().round(4).to_string())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--innerloop", default="innerloop")
    parser.add_argument("--select", action="store_true")
    parser.add_argument("--classes", action="store_true")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--setting", action="append", default=[], help="an option of predict, as --setting=--prompts=8")
    parser.add_argument("--by-table", action="store_true", help="also print every cell, over ridge")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    cells = measure(args)
    print(f"{len({name for name, _ in cells})} tables, {len(cells)} cells, {args.splits} splits")
    show_areas(cells) if args.classes else show_ratios(cells, args)


if __name__ == "__main__":
    main()
