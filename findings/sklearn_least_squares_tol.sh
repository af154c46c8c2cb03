#!/bin/bash
# sklearn_least_squares_tol.sh - LinearRegression leaves out a column in a small unit
#
# Seen with scikit-learn 1.9.1, NumPy 2.4.6. On dense data `tol`, 1e-6 by default, is the relative size below which singular
# values count as zero, and columns are centred but not brought to one scale first. So where one column is 1e8 times
# another, eight examples that determine both coefficients exactly are fitted without the smaller one: y = 2 b + 1, and
# the answer at b = 3 is the mean of y, with no warning. NumPy's lstsq, whose bound is a rounding, answers 7; so does
# tol=1e-12, and so do columns divided by their deviations. With no more examples than columns (the first three, and t^3
# beside) least squares goes through all examples; that of LinearRegression does not. Output:
#
#   sklearn: 4.7500 rank 1
#   sklearn, tol=1e-12: 7.0000 rank 2
#   sklearn, scaled: 7.0000 rank 2
#   numpy: 7.0000 rank 3
#   three examples, largest residual: sklearn 1.3333, numpy 0.0000
. "$(dirname "$0")/lib.sh"
packages scikit-learn==1.9.1 numpy==2.4.6
seen "sklearn: 4.7500 rank 1
sklearn, tol=1e-12: 7.0000 rank 2
sklearn, scaled: 7.0000 rank 2
numpy: 7.0000 rank 3
three examples, largest residual: sklearn 1.3333, numpy 0.0000" <<'END'
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

t = np.arange(8.0)
x = np.column_stack([1e8 * t, t * t % 5])
y = 2 * x[:, 1] + 1
query = np.array([[3.5e8, 3]])

for said, model in [
    ("sklearn", LinearRegression()),
    ("sklearn, tol=1e-12", LinearRegression(tol=1e-12)),
    ("sklearn, scaled", make_pipeline(StandardScaler(), LinearRegression())),
]:
    model.fit(x, y)
    rank = model[-1].rank_ if "scaled" in said else model.rank_
    print(f"{said}: {model.predict(query)[0]:.4f} rank {rank}")
with_ones = np.column_stack([x, np.ones(8)])
w, _, rank, _ = np.linalg.lstsq(with_ones, y, rcond=None)
print(f"numpy: {(np.append(query, 1) @ w):.4f} rank {rank}")

few = np.column_stack([x, t**3])[:3]
fitted = LinearRegression().fit(few, y[:3]).predict(few)
ones = np.column_stack([few, np.ones(3)])
through = ones @ np.linalg.lstsq(ones, y[:3], rcond=None)[0]
print(
    "three examples, largest residual:"
    f" sklearn {abs(fitted - y[:3]).max():.4f}, numpy {abs(through - y[:3]).max():.4f}"
)
END
