"""The regressors in scikit-learn's own checks, and against NumPy and the program."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

import innerloop  # noqa: E402
from innerloop.sklearn import AlgorithmRegressor, InContextRegressor  # noqa: E402

MODEL = innerloop.build("gd", dims=5, points=11, loops=6)
ESTIMATORS = [AlgorithmRegressor(), AlgorithmRegressor("knn"), AlgorithmRegressor("rls", centre=False)]
if innerloop.models():
    ESTIMATORS.append(InContextRegressor(innerloop.models()[0]))


@parametrize_with_checks(ESTIMATORS)
def test_it_passes_every_check_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture
def table(rng):
    X = rng.normal(size=(40, 4)) * [1, 10, 0.1, 3] + [0, 5, 1, -2]
    return X, X @ [1.0, -0.2, 8.0, 0.5] + 3


def test_ridge_is_ridge_with_an_intercept(table):
    X, y = table
    found = AlgorithmRegressor("ridge alpha=2").fit(X, y)
    Z, centred = X - X.mean(0), y - y.mean()
    weights = np.linalg.solve(Z.T @ Z + 2 * np.eye(4), Z.T @ centred)
    assert np.allclose(found.coef_, weights, atol=1e-10)
    assert np.allclose(found.predict(X[:3]), (X[:3] - X.mean(0)) @ weights + y.mean(), atol=1e-10)


def test_neighbours_have_no_weights_and_answer_all_the_same(table):
    X, y = table
    found = AlgorithmRegressor("knn k=1", centre=False).fit(X, y)
    assert found.coef_ is None
    assert np.allclose(found.predict(X), y)


def test_an_unknown_algorithm_is_named(table):
    with pytest.raises(ValueError, match="rigde"):
        AlgorithmRegressor("rigde").fit(*table)


def test_it_works_in_a_grid_with_two_processes(table):
    pipeline = make_pipeline(StandardScaler(), AlgorithmRegressor())
    grid = GridSearchCV(pipeline, {"algorithmregressor__algorithm": ["ridge alpha=0.01", "zero"]}, n_jobs=2, cv=3)
    assert grid.fit(*table).best_params_ == {"algorithmregressor__algorithm": "ridge alpha=0.01"}


def test_a_model_in_context_is_pickled_with_its_weights(table):
    X, y = table
    found = InContextRegressor(MODEL, prompts=3, seed=4).fit(X, y)
    again = pickle.loads(pickle.dumps(found))
    assert np.array_equal(again.predict(X[:7]), found.predict(X[:7]))
    assert np.array_equal(found.predict(X[:7])[:3], found.predict(X[:3]))
    other = InContextRegressor(MODEL, prompts=3, seed=5).fit(X, y)
    assert not np.array_equal(other.predict(X[:7]), found.predict(X[:7]))


def test_a_column_that_is_equal_but_for_rounding_says_nothing():
    X, y = np.array([[0.1], [0.1], [np.nextafter(0.1, 1)], [0.1]]), np.array([1.0, 2, 3, 4])
    for regressor in (InContextRegressor(), AlgorithmRegressor("ols"), AlgorithmRegressor("ridge alpha=1e-9")):
        np.testing.assert_allclose(regressor.fit(X, y).predict([[0.2], [7]]), [2.5, 2.5])


def test_means_of_the_largest_numbers():
    X, y = np.random.default_rng(0).normal(size=(5, 2)), np.full(5, 1.7e308)
    for regressor in (AlgorithmRegressor("ols"), AlgorithmRegressor("knn k=2")):
        np.testing.assert_allclose(regressor.fit(X, y).predict(X), y)
    np.testing.assert_allclose(InContextRegressor().fit(np.ones((5, 1)), y).predict([[2.0]]), y[:1])
