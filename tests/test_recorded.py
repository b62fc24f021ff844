"""The records of the chapters' draws: what they were made of, and that chapters ask the same."""

import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import recording

import ibhelpers as ib

ROOT = Path(__file__).resolve().parents[1]
RECORDS = sorted((ROOT / "data" / "draws").glob("*.json"))
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def questions(path):
    """Sources of the cells that define what is asked of every draw."""
    cells = nbformat.read(path, as_version=4).cells
    return [c.source for c in cells if "question" in c.metadata.get("tags", [])]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_program_asks_what_the_chapter_asks(path):
    asked = questions(path)
    names = re.findall(r'recorded\(\s*"(\w+)"', path.read_text("utf-8").replace('\\"', '"'))
    program = ROOT / "book" / "recorded" / f"chapter_{path.stem[:2]}.py"
    assert bool(names) == program.is_file()
    if names:
        text = program.read_text("utf-8")
        assert asked and all(source.strip() in text for source in asked)
        assert all(f'"{name}"' in text for name in names)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_is_whole_and_used(path):
    record = json.loads(path.read_text("utf-8"))
    lengths = {len(column) for column in record["values"].values()}
    assert len(lengths) == 1 and min(lengths) > 0
    assert record["of"] and record["seconds"] > 0
    assert any(f'recorded(\\"{path.stem}\\"' in c.read_text("utf-8") for c in CHAPTERS)


def test_no_run_was_left_unfinished():
    assert not list((ROOT / "data" / "draws").glob("*.part"))


def test_other_draws_share_nothing_with_the_first():
    first = ib.tasks.load("mnist", n_train=40, n_test=20, balanced=False)
    pool = ib.tasks.load("mnist", n_train=4000, n_test=1000)
    tasks = recording.first_and_others(first, pool, 5, balanced=True)
    assert [(t.n_train, t.n_test) for t in tasks] == [(40, 20)] * 5
    rows = np.concatenate([np.concatenate([t.X_train, t.X_test]) for t in tasks])
    assert len(np.unique(rows, axis=0)) == len(rows) == 300
    assert all((np.bincount(t.labels_train) == 4).all() for t in tasks[1:])
    by_image = {
        x.tobytes(): label for x, label in zip(pool.X_train, pool.labels_train, strict=True)
    }
    last = tasks[-1]  # images keep their labels
    assert [by_image[x.tobytes()] for x in last.X_test] == list(last.labels_test)
    with pytest.raises(ValueError, match="n: the pool has too few"):
        recording.first_and_others(first, pool, 100, balanced=False)


def test_a_record_comes_back_as_draws(tmp_path, monkeypatch):
    import ibhelpers.bias.compare._recorded as reader

    (tmp_path / "draws").mkdir()
    monkeypatch.setattr(recording, "FOLDER", tmp_path / "draws")
    monkeypatch.setattr(reader, "SHIPPED_FOLDER", tmp_path)
    task = ib.tasks.load("synthetic", n_train=30, n_test=12)
    others = ib.tasks.load("synthetic", n_train=30, n_test=12, seed=1)
    asked = recording.keep("42_test", mean_target, [task, others], of="two synthetic tasks")
    found = ib.compare.recorded("42_test")
    assert found.values.equals(asked.values)
    assert found.values.attrs["of"] == "two synthetic tasks"
    assert not list((tmp_path / "draws").glob("*.part"))
    with pytest.raises(ValueError, match=r"name: found '42_tset'.*Did you mean '42_test'"):
        ib.compare.recorded("42_tset")


def mean_target(task):
    return {"mean": task.y_test.mean()}
