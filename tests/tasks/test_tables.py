"""Tables by name: the rows are scikit-learn's, and nothing of the test rows is learnt."""

import io
import tarfile

import numpy as np
import pytest
from sklearn import datasets

from ibhelpers import tasks
from ibhelpers.tasks import _download, california_housing
from ibhelpers.tasks._datafile import DataFile
from ibhelpers.tasks._files import sha256_of


@pytest.mark.parametrize("name", ["diabetes", "wine", "breast_cancer"])
def test_rows_are_those_of_scikit_learn_and_keep_their_target(name):
    options = {"scaled": False} if name == "diabetes" else {}
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, **options)
    n = len(X) // 2
    task = tasks.load(name, n_train=n, n_test=len(X) - n, seed=5)
    # Scaling keeps the order within a column, whoever is scaled; every row is found again.
    everything = np.concatenate([task.X_train, task.X_test])
    assert everything.shape == X.shape
    back = [np.polyfit(np.sort(everything[:, j]), np.sort(X[:, j]), 1) for j in range(X.shape[1])]
    found = np.stack([np.polyval(p, everything[:, j]) for j, p in enumerate(back)], axis=1)
    distance = (((found[:, None] - X[None]) / X.std(axis=0)) ** 2).sum(axis=2)
    row = distance.argmin(axis=1)
    assert distance.min(axis=1).max() < 1e-12 and len(set(row)) == len(X)
    outcome = np.concatenate([task.y_train, task.y_test])
    if task.labels_train is None:
        assert abs(np.corrcoef(outcome[:, 0], y[row])[0, 1] - 1) < 1e-12
        assert task.y_train.mean() == pytest.approx(0, abs=1e-12)
    else:
        labels = np.concatenate([task.labels_train, task.labels_test])
        names = getattr(datasets, f"load_{name}")().target_names
        assert [task.output_names[k] for k in labels] == names[y[row]].tolist()
    # Mean and deviation are those of the training rows alone.
    assert task.X_train.mean(axis=0) == pytest.approx(np.zeros(X.shape[1]), abs=1e-10)
    assert task.X_train.std(axis=0) == pytest.approx(np.ones(X.shape[1]))
    again, other = (tasks.load(name, n_train=n, n_test=len(X) - n, seed=s) for s in (5, 6))
    assert again.X_train.tobytes() == task.X_train.tobytes() != other.X_train.tobytes()


@pytest.mark.parametrize(("name", "rows"), [("diabetes", 442), ("wine", 178)])
def test_more_rows_than_there_are(name, rows):
    with pytest.raises(ValueError, match=f"= {rows + 1} examples, but there are {rows}"):
        tasks.load(name, n_train=rows, n_test=1)


def test_a_class_that_so_few_rows_lack_is_named():
    with pytest.raises(ValueError, match="has no training row"):
        tasks.load("wine", n_train=2, n_test=100)


# --- California housing: published elsewhere ------------------------------------------------------


@pytest.fixture
def archive(server, monkeypatch):
    """An archive like the published one, with numbers of our own."""
    rng = np.random.default_rng(0)
    raw = rng.uniform(1, 100, (30, 9)).round(3)
    text = "\n".join(",".join(map(str, row)) for row in raw).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, contents in (("cal_housing.domain", b"longitude: continuous."), (None, text)):
            member = tarfile.TarInfo(f"CaliforniaHousing/{name or 'cal_housing.data'}")
            member.size = len(contents)
            tar.addfile(member, io.BytesIO(contents))
    server.contents = packed.getvalue()
    file = DataFile(
        california_housing.ARCHIVE.path,
        sha256_of(server.contents),
        len(server.contents),
        (f"{server.url}good/cal_housing.tgz",),
    )
    monkeypatch.setattr(california_housing, "ARCHIVE", file)
    return server.contents


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_california_housing_is_downloaded_once(archive, server, data_folder, tmp_path, monkeypatch):
    task = tasks.load("california_housing", n_train=20, n_test=10, seed=1)
    assert (task.n_inputs, task.n_outputs, len(server.asked)) == (8, 1, 1)
    assert (data_folder / "california_housing" / "cal_housing.tgz").read_bytes() == archive
    tasks.load("california_housing", n_train=20, n_test=10, seed=2)
    assert len(server.asked) == 1
    # scikit-learn's own reader makes the same table of the same archive.
    from sklearn.datasets import _california_housing

    def fetched(*args, dirname, **kwargs):
        (tmp_path / "copy.tgz").write_bytes(archive)
        return str(tmp_path / "copy.tgz")

    monkeypatch.setattr(_california_housing, "_fetch_remote", fetched)
    X, y = datasets.fetch_california_housing(data_home=tmp_path / "home", return_X_y=True)
    table = california_housing.table(archive)
    assert table.drop(columns="value").to_numpy() == pytest.approx(X)
    assert table["value"].to_numpy() == pytest.approx(y)


def test_california_housing_without_a_network_says_what_to_do(data_folder, monkeypatch):
    monkeypatch.setattr(_download, "RETRIES", 0)
    file = california_housing.ARCHIVE
    offline = DataFile(file.path, file.sha256, file.size, ("http://127.0.0.1:9/cal_housing.tgz",))
    monkeypatch.setattr(california_housing, "ARCHIVE", offline)
    with pytest.raises(ValueError, match=r"(?s)could not be downloaded.*data fetch california_hou"):
        tasks.load("california_housing", n_train=10, n_test=10)
    with pytest.raises(ValueError, match=r"= 20,650 examples, but there are 20,640"):
        tasks.load("california_housing", n_train=20_640, n_test=10)  # and nothing is asked for


def test_an_archive_without_the_table_is_refused():
    packed = io.BytesIO()
    tarfile.open(fileobj=packed, mode="w:gz").close()
    with pytest.raises(ValueError, match=r"holds no cal_housing\.data"):
        california_housing.table(packed.getvalue())
