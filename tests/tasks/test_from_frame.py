"""A task of the reader's table: nothing of the test rows is learnt, and bad tables are named."""

import sys

import numpy as np
import pandas as pd
import pytest

import ibhelpers as ib
from ibhelpers.tasks.prepared import read

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
    (tmp_path / "some.xyz").write_text("a,b")
    with pytest.raises(ValueError, match=r"frame: found 'some\.xyz'; give a text file"):
        ib.Task.from_frame(tmp_path / "some.xyz", target="price")
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


# --- files as people have them --------------------------------------------------------------------


def as_text(frame, separator, comma, quoted):
    """A table as a spreadsheet saves it, written without pandas."""

    def entry(value):
        if isinstance(value, float):
            value = repr(value).replace(".", ",") if comma else repr(value)
        return f'"{value}"' if quoted or separator in str(value) else str(value)

    rows = [frame.columns, *frame.itertuples(index=False)]
    return "\n".join(separator.join(map(entry, row)) for row in rows) + "\n"


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_separator_encoding_and_decimals_it_is_one_table(seed, tmp_path):
    r = np.random.default_rng(seed)
    n = int(r.integers(8, 40))
    frame = pd.DataFrame(
        {
            "fläche, m²" if seed % 2 else "area": (r.gamma(4, 20, n) + 0.0001).round(4) + 0.00001,
            "rooms": r.integers(1, 6, n),
            "town": r.choice(["Köln", "Bonn; Nord", "Unna | A"], n),
            "price": r.normal(size=n).round(6),
        }
    )
    separator = r.choice([",", ";", "\t", "|"])
    comma, encoding = (
        bool(r.random() < 0.5),
        str(r.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252"])),
    )
    text = as_text(frame, separator, comma, quoted=bool(r.random() < 0.5))
    if r.random() < 0.5:  # empty rows, of both kinds
        lines = text.splitlines()
        lines[3:3] = ["", separator * 3]
        text = "\r\n".join([*lines, "", ""])
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    task = ib.Task.from_frame(path, target="price", seed=seed)
    wanted = ib.Task.from_frame(frame, target="price", seed=seed)
    assert task.input_names == wanted.input_names
    for array in ("X_train", "y_train", "X_test", "y_test"):
        np.testing.assert_allclose(getattr(task, array), getattr(wanted, array), rtol=0, atol=1e-12)
    assert ("decimal commas" in task.source) == comma
    assert ("Windows-1252" in task.source) == (encoding == "cp1252")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("a,b\n1,2\n3,4\n5,6,7\n8,9\n1,1\n", "line 4 has 3: '5,6,7'"),
        ("a b\n1 2\n3 x\n5 6\n7 8\n", "has one column by its first line, 'a b'"),
        ("a,b,a\n1,2,3\n3,4,5\n5,6,7\n8,9,1\n", "two columns named 'a'"),
        ("800,1.5\n900,1\n1000,2\n7,7\n8,8\n", "holds numbers, '800,1.5', and no names"),
        ('a;b\n"1,234";2\n"5,678";3\n"9,012";4\n1;5\n', "'1,234', which may divide thousands"),
        ("a;b;c\n1,5;1.234;1\n2,5;2.345;2\n3,5;9.999;3\n4,5;950;4\n", "'1.234', in a file whose"),
        ("PK\x03\x04 a,b", "holds no text, as a spreadsheet does"),
        ("a\x00b,c\n", "holds no text"),
        ("a,b\n", "it has no rows"),
        (
            "a,b\n" + "\n".join(f"{i},{i * i}" for i in range(30)) + "\nx,1\n",
            "none: the first is 'x', in row 31",
        ),
        (
            "a,b\n" + "\n".join(f"{i % 28 + 1}.3.20{i},{i}" for i in range(10, 99)),
            "holds dates, such as",
        ),
        (
            "a,b\n" + "\n".join(f"2024-03-{i:02d},{i}" for i in range(10, 28)),
            "holds dates, such as '2024-03-10'",
        ),
        (
            "a;b\n" + "\n".join(f"{i},5;{i}" for i in range(30)) + "\nn.v.;1\n31,5;2\n",
            "31 numbers with commas, and 1 entries that are none: the first is 'n.v.', in row 31",
        ),
        (
            "a;b\n1;2\n3;4;5\n6;7\n8;9\n",
            "'3;4;5'. Mend that line; text that holds the separator mu",
        ),
        ("a,b\n1,2\n?,3\n4,5\n6,7\n", "missing values: 1 in 'a'"),
    ],
)
def test_a_broken_file_gets_a_sentence(contents, message, tmp_path):
    path = tmp_path / "broken.csv"
    path.write_bytes(contents.encode())
    with pytest.raises(ValueError) as refused:
        ib.Task.from_frame(path, target="b")
    assert message in str(refused.value)


def test_parquet_files_need_a_package_and_are_tables_like_others(tmp_path, monkeypatch):
    path = tmp_path / "saved.parquet"
    with pytest.raises(ValueError, match="there is no file"):
        ib.Task.from_frame(path, target="price")
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if neither were installed
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(ValueError, match=r"parquet files need the package pyarrow.*as CSV"):
        ib.Task.from_frame(path, target="price")

    def broken(path):
        raise ValueError("no magic bytes")

    monkeypatch.setattr(pd, "read_parquet", broken)
    with pytest.raises(ValueError, match=r"saved\.parquet' cannot be read as a table: no magic"):
        ib.Task.from_frame(path, target="price")
    # An index of names, which such a file keeps, is left out: rows are counted.
    frame = flats().drop(columns=["sold", "owner"])
    monkeypatch.setattr(
        pd, "read_parquet", lambda path: frame.set_index(frame.index.map("no {}".format))
    )
    table, name, _ = read(path, "")
    assert name == "saved" and table.index.tolist() == list(range(N))
    task, wanted = (ib.Task.from_frame(x, target="price") for x in (path, frame))
    assert task.X_train.tobytes() == wanted.X_train.tobytes()


def test_row_numbers_and_empty_columns_are_left_out(tmp_path):
    path = tmp_path / "saved.csv"
    frame = flats(30).drop(columns=["sold", "owner"]).assign(remarks=np.nan)
    frame.to_csv(path)
    task = ib.Task.from_frame(path, target="price")
    assert not any("Unnamed" in name or "remarks" in name for name in task.input_names)
    assert "numbers rows left out" in task.source and "since empty: remarks" in task.source


def test_a_file_separated_by_blanks_is_read(tmp_path):
    path = tmp_path / "blanks.dat"
    path.write_text("a  b   c\n" + "\n".join(f" {i}   {i * i}  {i**0.5:.3f}" for i in range(1, 30)))
    assert ib.Task.from_frame(path, target="c").input_names == ("a", "b")


@pytest.mark.parametrize("way", ["%Y-%m-%d", "%d-%m-%Y", "%m/%d/%Y", "%d.%m.%y", "date", "period"])
def test_time_is_in_the_order_of_dates_however_they_are_written(way):
    days = pd.Series(pd.date_range("2018-11-20", periods=90))
    order = np.random.default_rng(2).permutation(90)
    frame = pd.DataFrame({"x": np.sin(np.arange(90.0)), "y": np.arange(90.0)})
    as_said = {"date": days.dt.date, "period": days.dt.to_period("D")}
    frame["day"] = as_said[way] if way in as_said else days.dt.strftime(way)
    task = ib.Task.from_frame(frame.iloc[order], target="y", time="day", test_size=30)
    assert task.y_test.min() > task.y_train.max() and task.n_test == 30


def test_rows_of_one_time_stay_together():
    frame = pd.DataFrame(
        {"x": np.sin(np.arange(60.0)), "y": np.arange(60.0), "year": np.arange(60) // 10}
    )
    task = ib.Task.from_frame(frame, target="y", time="year", test_size=17)
    assert task.n_test == 20
    with pytest.raises(ValueError, match="time: column 'year' leaves no rows"):
        ib.Task.from_frame(frame.assign(year=1), target="y", time="year")
    early = frame.assign(year=[f"0{i % 9 + 1}.0{i % 7 + 1}.2020" for i in range(60)])
    with pytest.raises(ValueError, match="may begin with the day or with the month"):
        ib.Task.from_frame(early, target="y", time="year")
    with pytest.raises(ValueError, match="'soon', which is no date"):
        ib.Task.from_frame(frame.assign(year="soon"), target="y", time="year")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda n: [[1, 2]] * n, "values of type list"),
        (lambda n: [np.zeros(2)] * n, "values of type ndarray"),
        (lambda n: [{"a": 1}] * n, "values of type dict"),
        (lambda n: pd.date_range("2020", periods=n).date, "holds dates"),
        (lambda n: pd.period_range("2020", periods=n, freq="M"), "holds dates"),
        (lambda n: pd.to_timedelta(np.arange(n), "D"), "holds durations"),
        (lambda n: np.arange(n) * 1j, "complex numbers"),
        (lambda n: [*map(str, range(n - 1)), "n.a"], "numbers, and 1 entries that are none"),
    ],
)
def test_what_is_neither_number_nor_category_is_refused(values, message):
    frame = flats().drop(columns=["sold", "owner"])
    with pytest.raises(ValueError, match=f"frame: column 'new' .*{message}"):
        ib.Task.from_frame(frame.assign(new=values(N)), target="price")
    with pytest.raises(ValueError, match=f"target: column 'new' .*{message}"):
        ib.Task.from_frame(frame.assign(new=values(N)), target="new")


def test_frames_of_other_libraries_and_types():
    frame = flats().drop(columns=["sold", "owner"])
    wanted = ib.Task.from_frame(frame, target="price")

    class Foreign:
        columns = tuple(frame.columns)

        def to_pandas(self):
            raise ImportError("pyarrow")

        def __getitem__(self, name):
            return frame[name]

    assert ib.Task.from_frame(Foreign(), target="price").X_train == pytest.approx(wanted.X_train)
    of_array = ib.Task.from_frame(frame.drop(columns="price"), frame["price"].to_numpy())
    assert of_array.y_test == pytest.approx(wanted.y_test)
    nullable = frame.convert_dtypes().astype({"town": "category"})
    nullable.loc[3, ["lift", "rooms"]] = pd.NA
    task = ib.Task.from_frame(nullable, target="price", impute=True)
    assert "lift missing" in task.input_names or "lift missing" not in wanted.input_names
    assert task.n_train == wanted.n_train


@pytest.mark.parametrize("seed", range(10))
def test_every_class_trains_and_classes_keep_their_shares(seed):
    r = np.random.default_rng(seed)
    labels = r.permutation(np.repeat(["a", "b", "c", "rare"], [50, 30, 18, 2]))
    frame = pd.DataFrame({"x": r.normal(size=100), "y": labels})
    task = ib.Task.from_frame(frame, target="y", seed=seed)
    counts = np.bincount(task.labels_train, minlength=4)
    assert counts.min() >= 1 and abs(counts - [37.5, 22.5, 13.5, 1.5]).max() <= 1


@pytest.mark.parametrize("size", [1e-310, 1e-200, 1e200, 1e307])
def test_numbers_of_any_size_are_scaled(size):
    frame = flats().drop(columns=["sold", "owner"])
    wanted = ib.Task.from_frame(frame, target="price")
    other = frame.assign(area=frame["area"] / 100 * size, price=frame["price"] / 100 * size)
    task = ib.Task.from_frame(other, target="price")
    loose = 1e-3 if size < 1e-300 else 1e-12  # there float64 has few digits left
    assert task.X_train == pytest.approx(wanted.X_train, abs=loose, rel=loose)
    assert task.y_test == pytest.approx(wanted.y_test, abs=loose, rel=loose)
    extreme = np.where(np.arange(N) % 50, -1.7e308, 1.7e308)
    with pytest.raises(ValueError, match="column 'area' are too large"):
        ib.Task.from_frame(frame.assign(area=extreme), "price")


def test_what_rounding_made_is_no_difference_and_what_a_large_offset_leaves_is_one():
    frame = flats().drop(columns=["sold", "owner"])
    rounded = frame.assign(area=np.where(np.arange(N) % 2, 0.3, 0.1 + 0.2))
    assert "constant in training: area" in ib.Task.from_frame(rounded, target="price").scaling
    offset = frame.assign(area=frame["area"].round() + 1e14)
    assert "area" in ib.Task.from_frame(offset, target="price").input_names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "price", "time": "price"}, "'price' is named as drop=, groups= or time= too"),
        ({"target": "price", "drop": ["price"]}, "'price' is named as drop="),
        ({"target": np.zeros((N, 2))}, "target: found 2 dimensions"),
        ({"target": flats()["price"].iloc[::-1]}, "the rows of frame in another order"),
    ],
)
def test_a_target_that_is_something_else_too_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ib.Task.from_frame(flats().drop(columns=["sold", "owner"]), **options)
    named = flats().drop(columns=["sold", "owner"])
    task = ib.Task.from_frame(named, named.columns[-1:], drop=list(named.columns[:1]))
    assert task.output_names == ("price",) and "area" not in task.input_names
