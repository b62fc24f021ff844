"""The bits of a reader's own table, from the command line to the page that is written."""

import re

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from scipy.stats import norm

import ibhelpers as ib
from ibhelpers.__main__ import main
from ibhelpers.command_line import _advice, report

# A column that says nothing gets the longest lengthscale there is.
pytestmark = pytest.mark.filterwarnings("ignore:the search ended on a bound")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Prices that follow from two columns, with noise; one price is wrong by far."""
    rng = np.random.default_rng(0)
    n = 160
    area, rooms = rng.gamma(4, 20, n), rng.integers(1, 6, n)
    town = rng.choice(["A", "B"], n)
    price = 2 * np.sqrt(area) + 3 * (town == "A") + 0.3 * rng.standard_normal(n)
    order = np.random.default_rng(0).permutation(n)
    wrong = int(order[5])  # a training row of the first split
    price[wrong] += 12
    path = tmp_path_factory.mktemp("table") / "flats.csv"
    frame = pd.DataFrame({"area": area, "rooms": rooms, "town": town, "price": price})
    frame.to_csv(path, index=False)
    return path, wrong


def test_a_wrong_row_is_found_and_the_page_stands_alone(table, tmp_path, capsys):
    path, wrong = table
    place = tmp_path / "page.html"
    assert main(["bits", str(path), "--target", "price", "--output", str(place)]) == 0
    said = capsys.readouterr().out
    assert "flats: 120 rows to learn from, 40 to be tested on, 4 inputs" in said
    page = BeautifulSoup(place.read_text("utf-8"), "html.parser")
    bits, models, rows, kinds = map(numbers, page.find_all("table"))
    assert (bits["least"] <= bits["bits, on average"]).all()
    assert bits["bits, on average"].is_monotonic_increasing
    assert models["error"].is_monotonic_increasing and len(models) == 8
    assert rows["row"].iloc[-1] == wrong + 1 and rows["bits saved"].iloc[-1] < 0
    assert rows["price"].iloc[-1] - rows["others expect"].iloc[-1] == pytest.approx(12, abs=1.5)
    assert kinds["log evidence, nats"].is_monotonic_decreasing
    first = page.find("li").text
    assert "120 rows are enough to explain" in first and f"{wrong + 1}" in page.find("ul").text
    images = page.find_all("img")
    assert all(i["src"].startswith("data:image/png;base64,") and len(i["alt"]) > 50 for i in images)
    outside = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', place.read_text("utf-8"))
    assert not outside and page.html["lang"] == "en"


def numbers(table):
    """A table of the page, its first column as text unless that counts rows."""
    head, *rows = [[c.text for c in row.find_all(["th", "td"])] for row in table.find_all("tr")]
    frame = pd.DataFrame(rows, columns=head)
    for column in head:
        plain = frame[column].str.replace(",", "")
        if plain.str.fullmatch(r"-?[\d.]+").all():
            frame[column] = plain.astype(float)
    return frame


def test_the_numbers_are_those_of_the_package(table):
    path, _ = table
    found = report.examine(path, "price", seed=3)
    tasks = [ib.Task.from_frame(path, "price", seed=3 + i) for i in range(5)]
    assert found.task.y_test.tobytes() == tasks[0].y_test.tobytes()
    answered = [float((t.y_test**2).mean()) for t in tasks]  # the training mean is 0
    assert found.bits["target error"].iloc[0] == pytest.approx(0.5 * np.mean(answered))
    price = pd.read_csv(path)["price"]
    miss = np.sqrt(0.5 * np.mean(answered)) * price.std()  # to the difference of the training rows
    assert found.bits["typical miss"].iloc[0] == pytest.approx(miss, rel=0.1)
    models = found.models.set_index("candidate")
    again = [ib.GaussianSpace.fit(t, found.space.kernel, starts=1) for t in tasks[1:]]
    answers = [
        s.posterior(t).mean.numpy() for s, t in zip([found.space, *again], tasks, strict=True)
    ]
    for name, answer in (
        ("average of the hypotheses", answers),
        ("linear regression", [straight(t) for t in tasks]),
    ):
        losses = [((a - t.y_test) ** 2).mean() for a, t in zip(answer, tasks, strict=True)]
        assert models.loc[name, "test_loss"] == pytest.approx(np.mean(losses), rel=1e-6)
        explained = 1 - np.array(losses) / answered
        assert models.loc[name, "explained"] == pytest.approx(explained.mean(), abs=1e-6)
    first = ib.inductive_bias(found.space.loss_law(tasks[0]), 0.1 * answered[0]).bits
    assert found.bits["least"].iloc[2] - 1e-6 <= first <= found.bits["most"].iloc[2] + 1e-6


def straight(task):
    """Answers of least squares with an intercept."""
    inputs = (np.column_stack([np.ones(len(X)), X]) for X in (task.X_train, task.X_test))
    train, test = inputs
    return test @ np.linalg.lstsq(train, task.y_train, rcond=None)[0]


def test_a_large_table_is_drawn_from(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.standard_normal((300, 2)), columns=list("ab"))
    frame["c"] = np.sin(frame["a"]) + 0.3 * rng.standard_normal(300)
    frame.to_csv(tmp_path / "large.csv", index=False)
    monkeypatch.setattr(report, "_MOST_ROWS", 80)
    found = report.examine(tmp_path / "large.csv", "c")
    assert found.notes[0] == "80 of 300 rows, drawn at random." and found.task.n_train == 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv", "--target", "price"], "there is no file"),
        (["{}", "--target", "prize"], "Did you mean 'price'"),
        (["{}", "--target", "price", "--groups", "nobody"], "groups: found 'nobody'"),
        (["{}", "--target", "price", "--drop", "price"], "--drop, --groups or --time too"),
        (["{}", "--target", "price", "--output", "no/such/folder/x.html"], "cannot be written"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(table, arguments, message, capsys):
    arguments = [a.format(table[0]) for a in arguments]
    assert main(["bits", *arguments]) == 1
    said = capsys.readouterr()
    assert message in said.err and "Traceback" not in said.err
    assert not said.err.startswith("frame:")


LOG_NORMAL = np.exp(1.2 * np.random.default_rng(0).normal(size=400))


def reached(**change):
    plain = {
        "n_train": 100,
        "typical": np.full(5, 0.4),
        "average": np.full(5, 0.5),
        "halved": np.array([0.4, 0.41, 0.42, 0.4, 0.39]),
        "noise": 0.1,
        "best": np.full(5, 0.5),
        "best_name": "random forest",
        "best_bits": 7.0,
        "misses": np.full(5, 3.0),
        "wrong": None,
        "answers": np.random.default_rng(0).normal(size=100) + 5,
    }
    return _advice.Reached(**plain | change)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "100 rows are enough to explain 50% of what varies in price"),
        ({}, "explained 9.6 points more (8.0 to 11.0 by the split)"),
        ({"halved": np.array([0.5, 0.51, 0.5, 0.49, 0.5])}, "will hardly help"),
        ({"halved": np.array([0.2, 0.2, 0.2, 0.51, 0.5])}, "not always: -1.0 to 30.0"),
        ({"best": np.full(5, 0.6)}, "Another model? Yes: random forest, untuned, does better"),
        ({"best": np.full(5, 0.6)}, "on every split, 60% for 50% on average. It provides 7.0 bits"),
        ({"best": np.array([0.9, 0.6, 0.6, 0.6, 0.49])}, "Perhaps: random forest, untuned, does"),
        ({"best": np.array([0.9, 0.6, 0.6, 0.6, 0.49])}, "64% for 50% on average, but on 4 of 5"),
        ({"best": np.full(5, 0.4)}, "does worse than the average"),
        ({}, "matters little here"),
        ({"noise": 0.45}, "Do not expect a model to explain more than 55% of it. That is nearly"),
        ({"noise": 1.2}, "About 50% of what varies looks like noise"),
        ({"average": np.full(5, 0.0)}, "say next to nothing about price"),
        ({"average": np.full(5, 0.3)}, "did not help: less was explained on 5 of 5 splits"),
        ({"average": np.full(5, -7.0), "halved": np.full(5, 0.1)}, "did not help"),
        ({"average": np.full(5, -0.1), "halved": np.full(5, -9.0)}, "changed little: 0.0 points"),
        ({"best": np.full(5, 0.6), "best_bits": np.inf}, "It provides infinitely many bits"),
        ({"misses": None, "wrong": np.full(5, 0.04)}, "; 4.0% of the rows get a wrong class"),
        ({"noise": 0.45, "best": np.full(5, 0.7)}, "About 30% of what varies looks like noise"),
        ({}, "Check rows 3, 9 first: without them"),
        ({"answers": LOG_NORMAL}, "learn log(price): give it as a column"),
        ({"answers": np.maximum(LOG_NORMAL - 1, 0)}, "learn log1p(price)"),
    ],
)
def test_advice_follows_from_the_numbers(change, sentence):
    assert sentence in " ".join(_advice.advice("price", reached(**change), [3, 9]))


def test_the_share_of_the_largest_answers_is_that_of_their_law():
    sigma, q = 1.2, norm.isf(0.05)
    values = np.exp(sigma * norm.ppf((np.arange(200_000) + 0.5) / 200_000))
    mean, square = np.exp(sigma**2 / 2), np.exp(2 * sigma**2)  # moments of the log-normal law
    above = [norm.sf(q - i * sigma) for i in range(3)]
    largest = square * above[2] - 2 * mean * mean * above[1] + mean**2 * above[0]
    share = largest / (square - mean**2)
    said = " ".join(_advice.advice("price", reached(answers=values), []))
    assert f"The largest twentieth of price makes {share:.0%} of what varies" in said


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"average": np.full(5, 0.0), "noise": 0.04}, "Do not expect"),
        ({}, "log"),
        ({"answers": None}, "log"),
        ({"answers": LOG_NORMAL - 0.5}, "log"),  # some below 0
        ({"answers": np.random.default_rng(0).gamma(4, 20, 400)}, "log"),
        ({"answers": (np.arange(400) % 30 == 0) * 1.0}, "log"),  # two values, with any function
        ({"answers": 1e-9 * np.maximum(LOG_NORMAL - 1, 0)}, "log"),  # log1p would change nothing
    ],
)
def test_no_advice_that_would_not_help(change, word):
    assert word not in " ".join(_advice.advice("price", reached(**change), []))


def test_time_classes_and_doubts(tmp_path):
    rng = np.random.default_rng(5)
    n = 90
    frame = pd.DataFrame({"x": rng.normal(size=n), "no": np.arange(n), "day": ""})
    frame["day"] = pd.date_range("2024-01-01", periods=n).strftime("%d.%m.%Y")
    frame["copy"] = 2 * frame["x"]
    frame["y"] = np.where(frame["x"] + 0.5 * rng.normal(size=n) > 0, "up", "down")
    path = tmp_path / "days.csv"
    frame.to_csv(path, index=False)
    found = report.examine(path, "y", time="day")
    assert "latest by day" in found.notes[0] and found.task.n_test == 22
    assert any(note.startswith("no counts the rows") for note in found.notes)
    assert set(found.rows["others expect"]) <= {"up", "down"} and "typical miss" not in found.bits
    assert found.rows["row"].max() <= n - 22  # training rows, by their number in the file
    numbers = frame.assign(y=3 * frame["x"], copy=0).drop(columns="day")
    numbers.to_csv(path, index=False)
    notes = report.examine(path, "y").notes
    assert any(note.startswith("x is the target but for its scale") for note in notes)


def test_rows_to_check_are_those_that_the_others_contradict(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(160, 2))
    right = np.where(x.sum(axis=1) > 0, "up", "down")
    recorded = right.copy()
    flipped = np.flatnonzero(np.abs(x.sum(axis=1)) > 1.5)[:12]  # far from the border
    recorded[flipped] = np.where(right[flipped] == "up", "down", "up")
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "way": recorded})
    path = tmp_path / "ways.csv"
    frame.to_csv(path, index=False)
    found = report.examine(path, "way")
    (check,) = [sentence for sentence in found.advice if sentence.startswith("Check")]
    suspects = [int(n) for n in re.findall(r"\d+", check)]
    rows = found.rows.set_index("row").loc[suspects]
    assert (rows["others expect"] != rows["way"]).all() and (rows["bits saved"] < 0).all()
    assert set(suspects) & set(flipped + 1)
    wrong = found.models.set_index("candidate")["test_error_rate"]["average of the hypotheses"]
    assert f"{wrong:.1%} of the rows get a wrong class" in found.advice[0]


def test_rows_are_counted_as_in_the_file(tmp_path):
    rng = np.random.default_rng(7)
    x = rng.normal(size=80)
    y = np.sin(2 * x) + 0.1 * rng.normal(size=80)
    lines = [f"{a:.4f};{b:.4f}".replace(".", ",") for a, b in zip(x, y, strict=True)]
    order = np.random.default_rng(0).permutation(80)
    wrong = int(np.sort(order[:60])[30])
    lines[wrong] = f"{x[wrong]:.4f};9,0000".replace(".", ",", 1)
    lines[5:5] = [";", ""]
    path = tmp_path / "gaps.csv"
    path.write_text("x;y\n" + "\n".join(lines))
    found = report.examine(path, "y")
    assert found.rows["row"].iloc[-1] == wrong + 1 + 2 * (wrong >= 5)
    assert found.rows["y"].iloc[-1] == 9.0


def test_a_rare_word_that_some_splits_lack(tmp_path):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=60), "word": "usual"})
    frame.loc[[4, 9, 20, 33], "word"] = ["p", "q", "r", "s"]
    frame["y"] = np.sin(frame["x"]) + 0.1 * rng.normal(size=60)
    frame.to_csv(tmp_path / "rare.csv", index=False)
    inputs = {ib.Task.from_frame(frame, "y", seed=seed).n_inputs for seed in range(5)}
    assert len(inputs) > 1
    assert np.isfinite(report.examine(tmp_path / "rare.csv", "y").bits["least"]).all()


def test_columns_may_be_called_as_those_of_the_report(tmp_path):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(40, 2)), columns=["bits saved", "others expect"])
    frame["row"] = frame["bits saved"] + 0.1 * rng.normal(size=40)
    frame.to_csv(tmp_path / "names.csv", index=False)
    found = report.examine(tmp_path / "names.csv", "row").rows
    shown = found.iloc[:, 0].to_numpy() - 1  # the numbers of the rows
    answers = frame[["row", "bits saved", "others expect"]].to_numpy()[shown]
    assert list(found)[2:] == ["row", "others expect", "bits saved", "others expect"]
    np.testing.assert_allclose(found.iloc[:, [2, 4, 5]].to_numpy(), answers)


def test_a_table_of_few_rows_and_seeds_of_any_size(table, tmp_path, monkeypatch):
    frame = pd.read_csv(table[0])
    frame.iloc[:6].to_csv(tmp_path / "few.csv", index=False)
    with pytest.raises(ValueError, match="found 6 rows, of which 4 are left to learn from"):
        report.examine(tmp_path / "few.csv", "price")
    monkeypatch.setattr(report, "_MOST_ROWS", 6)
    for seed, message in ((2**40, "found 6 rows"), (-1, "seed: found -1; give a whole number")):
        with pytest.raises(ValueError, match=message):
            report.examine(table[0], "price", seed=seed)
