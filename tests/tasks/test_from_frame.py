"""A task of the reader's table: nothing of the test rows is learnt, and bad tables are named."""

import numpy as np
import pandas as pd
import pytest

import ibhelpers as ib

rng = np.random.default_rng(1)
N = 200


def flats(n=N):
    r = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "area": r.gamma(4, 20, n),
            "rooms": r.integers(1, 6, n),
            "town": r.choice(["A", "B", "C"], n),
            "lift": r.random(n) < 0.4,
            "owner": r.integers(0, 40, n),
            "sold": pd.Timestamp("2020-01-01") + pd.to_timedelta(r.permutation(n), "D"),
            "price": r.gamma(9, 10, n),
        }
    )


def test_numbers_are_scaled_and_categories_coded_by_the_training_rows():
    frame = flats().drop(columns=["sold", "owner"])
    task = ib.Task.from_frame(frame, target="price", test_size=50, seed=4)
    assert (task.n_train, task.n_test) == (150, 50)
    assert task.input_names[:2] == ("area", "rooms") and "town=B" in task.input_names
    assert task.X_train[:, :2].mean(axis=0) == pytest.approx([0, 0], abs=1e-12)
    assert task.X_train[:, :2].std(axis=0) == pytest.approx([1, 1])
    # The rows, found again by their areas, have the price and town of the table.
    order = np.random.default_rng(4).permutation(N)
    train = np.sort(order[:150])
    area, price = frame["area"].to_numpy(), frame["price"].to_numpy()
    everything = (area - area[train].mean()) / area[train].std()
    test = np.setdiff1d(np.arange(N), train)
    assert task.X_test[:, 0] == pytest.approx(everything[test])
    assert task.y_test[:, 0] == pytest.approx(
        (price[test] - price[train].mean()) / price[train].std()
    )
    is_b = task.X_test[:, task.input_names.index("town=B")]
    assert is_b.tolist() == (frame["town"].to_numpy()[test] == "B").astype(float).tolist()
    assert "drawn with seed 4" in task.source and "price" in task.scaling


def test_test_rows_cannot_reach_the_training_arrays():
    frame = flats().drop(columns=["sold", "owner"])
    task = ib.Task.from_frame(frame, target="price", seed=4)
    order = np.random.default_rng(4).permutation(N)
    other = frame.copy()
    tested = order[150:]
    other.loc[tested, "area"] = 1e6
    other.loc[tested, "town"] = "elsewhere"
    other.loc[tested, "price"] = -1e6
    changed = ib.Task.from_frame(other, target="price", seed=4)
    assert changed.X_train.tobytes() == task.X_train.tobytes()
    assert changed.y_train.tobytes() == task.y_train.tobytes()
    assert changed.input_names == task.input_names
    towns = [i for i, name in enumerate(task.input_names) if name.startswith("town=")]
    assert not changed.X_test[:, towns].any()  # a category that training lacks


def test_classes_are_one_hot():
    frame = flats().drop(columns=["sold", "owner"])
    task = ib.Task.from_frame(frame, target="town")
    assert task.output_names == ("A", "B", "C")
    assert (task.y_train.sum(axis=1) == 1).all()
    assert (task.labels_test == task.y_test.argmax(axis=1)).all()
    numbered = ib.Task.from_frame(frame, target="rooms", classes=True)
    assert numbered.output_names == ("1", "2", "3", "4", "5")
    assert ib.Task.from_frame(frame, target="lift").output_names == ("False", "True")
    assert ib.Task.from_frame(frame, target=["price", "area"]).n_outputs == 2


def test_a_series_a_path_and_another_library_will_do(tmp_path):
    frame = flats().drop(columns=["sold", "owner"])
    wanted = ib.Task.from_frame(frame, target="price", seed=2)
    frame.to_csv(tmp_path / "flats.csv", index=False)
    from_file = ib.Task.from_frame(tmp_path / "flats.csv", target="price", seed=2)
    assert from_file.X_train == pytest.approx(wanted.X_train) and from_file.name == "flats"
    of_series = ib.Task.from_frame(frame.drop(columns="price"), frame["price"], seed=2)
    assert of_series.y_test.tobytes() == wanted.y_test.tobytes()

    class Foreign:
        def to_pandas(self):
            return frame

    foreign = ib.Task.from_frame(Foreign(), target="price", seed=2)
    assert foreign.y_test.tobytes() == wanted.y_test.tobytes()


def test_groups_stay_together_and_the_latest_rows_are_tested_on():
    frame = flats()
    task = ib.Task.from_frame(frame, target="price", groups="owner", drop=["sold"], test_size=0.3)
    where = {
        round(price, 9): owner for price, owner in zip(frame["price"], frame["owner"], strict=True)
    }
    mean, deviation = (float(s) for s in task.scaling.split("price: ")[1][:-1].split(" and "))
    sides = [
        {where[min(where, key=lambda p: abs(p - v * deviation - mean))] for v in part[:, 0]}
        for part in (task.y_train, task.y_test)
    ]
    assert not sides[0] & sides[1] and 40 <= task.n_test <= 80
    assert not any("owner" in name for name in task.input_names)
    late = ib.Task.from_frame(frame, target="price", time="sold", drop="owner", test_size=20)
    latest = frame.sort_values("sold")["area"].tail(20).to_numpy()
    got = late.X_test[:, 0]
    slope, at = np.polyfit(np.sort(latest), np.sort(got), 1)
    assert np.sort(got) == pytest.approx(slope * np.sort(latest) + at) and late.n_test == 20


def test_gaps_are_refused_or_filled_and_marked():
    frame = flats().drop(columns=["sold", "owner"])
    frame.loc[::10, "area"] = np.nan
    frame.loc[::7, "town"] = None
    with pytest.raises(
        ValueError, match=r"frame: found missing values: 20 in 'area', 29 in 'town'"
    ):
        ib.Task.from_frame(frame, target="price")
    task = ib.Task.from_frame(frame, target="price", impute=True)
    marked = task.X_train[:, task.input_names.index("area missing")]
    assert set(marked) == {0.0, 1.0} and "town=missing" in task.input_names
    filled = task.X_train[marked == 1, task.input_names.index("area")]
    known = task.X_train[marked == 0, task.input_names.index("area")]
    assert filled == pytest.approx(np.full(len(filled), np.median(known)))
    frame.loc[3, "price"] = np.nan
    with pytest.raises(ValueError, match="target: found missing values: 1 in 'price'"):
        ib.Task.from_frame(frame, target="price", impute=True)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"target": "prize"}, r"target: found 'prize'.*Did you mean 'price'"),
        ({}, {"target": []}, "target: found no column"),
        ({}, {"target": pd.Series([1.0, 2.0])}, "target: found 2 values for 200 rows"),
        ({}, {"target": ["town", "lift"]}, "target: found several columns of classes"),
        ({}, {"target": "town", "classes": False}, "classes: found False"),
        ({}, {"target": "price", "drop": []}, "frame: column 'sold' holds dates"),
        ({}, {"target": "price", "groups": "nobody"}, "groups: found 'nobody'"),
        (
            {},
            {"target": "price", "groups": "owner", "time": "sold"},
            "groups: found a column beside",
        ),
        ({}, {"target": "price", "test_size": 199}, "test_size: 199 of 200 rows"),
        ({}, {"target": "price", "test_size": 1.5}, "test_size"),
        ({"name": [f"no. {i}" for i in range(N)]}, {}, "'name' has 150 different values"),
        ({"area": [np.inf] * N}, {}, "column 'area' holds infinite numbers"),
        ({"price": [2.0] * N}, {}, "target: it is constant"),
        ({"price": ["x"] * N}, {}, "target: found 1 classes"),
        (
            {"price": [str(i) for i in range(N)]},
            {},
            "target: found 200 classes, such as '0'",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_named(change, options, message):
    options = {"target": "price", "drop": ["sold"]} | options
    if options.get("time"):
        options.pop("drop")
    with pytest.raises(ValueError, match=message):
        ib.Task.from_frame(flats().assign(**change), **options)


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match="frame: found list"):
        ib.Task.from_frame([[1, 2], [3, 4]], target="price")
    with pytest.raises(ValueError, match="frame: there is no file"):
        ib.Task.from_frame(tmp_path / "none.csv", target="price")
    with pytest.raises(ValueError, match=r"frame: found '\.xyz'"):
        ib.Task.from_frame(tmp_path / "none.xyz", target="price")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match="cannot be read as a table"):
        ib.Task.from_frame(tmp_path / "empty.csv", target="price")
    with pytest.raises(ValueError, match="frame: found 3 rows"):
        ib.Task.from_frame(flats(3), target="price")
    twice = flats()
    twice.columns = ["area", "area", *twice.columns[2:]]
    with pytest.raises(ValueError, match="two columns named 'area'"):
        ib.Task.from_frame(twice, target="price")
    with pytest.raises(ValueError, match="no column beside the target"):
        ib.Task.from_frame(flats()[["price"]], target="price")
