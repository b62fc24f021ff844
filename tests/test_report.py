"""The bits of a reader's own table, from the command line to the page that is written."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import ibhelpers as ib
from ibhelpers import _report
from ibhelpers.__main__ import main


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
    assert models["test_loss"].is_monotonic_increasing and len(models) == 7
    assert rows["row"].iloc[-1] == wrong + 1 and rows["bits saved"].iloc[-1] < 0
    assert kinds["log evidence, nats"].is_monotonic_decreasing
    assert page.img["src"].startswith("data:image/png;base64,") and "curve" in page.img["alt"]
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
    found = _report.examine(path, "price", seed=3)
    tasks = [ib.Task.from_frame(path, "price", seed=3 + i) for i in range(5)]
    assert found.task.y_test.tobytes() == tasks[0].y_test.tobytes()
    answered = [float((t.y_test**2).mean()) for t in tasks]  # the training mean is 0
    assert found.bits["target error"].iloc[0] == pytest.approx(0.5 * np.mean(answered))
    first = ib.inductive_bias(found.space.loss_law(tasks[0]), 0.1 * answered[0]).bits
    assert found.bits["least"].iloc[2] <= first <= found.bits["most"].iloc[2]


def test_a_large_table_is_drawn_from(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.standard_normal((300, 2)), columns=list("ab"))
    frame["c"] = np.sin(frame["a"]) + 0.3 * rng.standard_normal(300)
    frame.to_csv(tmp_path / "large.csv", index=False)
    monkeypatch.setattr(_report, "_MOST_ROWS", 80)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a lengthscale at its bound: one input says nothing
        found = _report.examine(tmp_path / "large.csv", "c")
    assert found.notes[0] == "80 of 300 rows, drawn at random." and found.task.n_train == 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv", "--target", "price"], "there is no file"),
        (["{}", "--target", "prize"], "Did you mean 'price'"),
        (["{}", "--target", "price", "--groups", "nobody"], "groups: found 'nobody'"),
        (["{}", "--target", "price", "--output", "no/such/folder/x.html"], "cannot be written"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(table, arguments, message, capsys):
    arguments = [a.format(table[0]) for a in arguments]
    assert main(["bits", *arguments]) == 1
    said = capsys.readouterr()
    assert message in said.err and "Traceback" not in said.err
