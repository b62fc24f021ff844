"""Comparisons over draws of data: cut without overlap, resumed after a kill, summed up rightly."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ibhelpers as ib


def a_task(n=30, m=12, seed=0):
    rng = np.random.default_rng(seed)
    X, labels = rng.normal(size=(n + m, 2)), rng.integers(0, 2, n + m)
    y = np.eye(2)[labels]
    return ib.Task(
        X[:n], y[:n], X[n:], y[n:], labels_train=labels[:n], labels_test=labels[n:], name="two"
    )


def moments(task, power=1):
    return {"inputs": (task.X_train**power).mean(), "tests": (task.X_test**power).mean()}


def test_a_task_is_dealt_without_overlap():
    task, seen = a_task(), []

    def look(part):
        seen.append(part)
        return {"one": 1.0}

    ib.compare.draws(look, task, 4, processes=1, progress=False)
    assert [(p.n_train, p.n_test) for p in seen] == [(7, 3)] * 4
    for what in ("train", "test"):
        dealt = np.concatenate([getattr(p, f"X_{what}") for p in seen])
        whole = getattr(task, f"X_{what}")
        assert len(np.unique(dealt, axis=0)) == len(dealt)
        places = [np.flatnonzero((whole == x).all(1)).item() for x in dealt]
        labels = np.concatenate([getattr(p, f"labels_{what}") for p in seen])
        assert (labels == getattr(task, f"labels_{what}")[places]).all()
        targets = np.concatenate([getattr(p, f"y_{what}") for p in seen])
        assert (targets == getattr(task, f"y_{what}")[places]).all()
        assert places != sorted(places)  # shuffled


def test_summaries_are_students():
    tasks = [a_task(seed=seed) for seed in range(8)]
    found = ib.compare.draws(moments, tasks, processes=1, progress=False)
    values = [task.X_train.mean() for task in tasks]
    row = found.summary(0.9).loc["inputs"]
    interval = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert row["mean"] == pytest.approx(np.mean(values))
    assert row["standard_error"] == pytest.approx(stats.sem(values))
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    paired = stats.ttest_rel(*(found.values[c] for c in ("inputs", "tests")))
    apart = found.difference("inputs", "tests", 0.9)
    interval = paired.confidence_interval(0.9)
    assert (apart["low"], apart["high"]) == pytest.approx((interval.low, interval.high))
    assert apart["positive"] == (found.values["inputs"] > found.values["tests"]).sum()
    assert "next_low" in repr(found)


def test_another_draw_falls_into_its_interval_as_often_as_is_said():
    """Of 500 normal sets of five and one more each; within four standard errors."""
    rng, within = np.random.default_rng(0), 0
    for sample in rng.normal(3.0, 2.0, size=(500, 6)):
        column = ib.compare.Draws(pd.DataFrame({"x": sample[:5]}))
        row = column.summary(0.9).loc["x"]
        within += row["next_low"] <= sample[5] <= row["next_high"]
    assert within / 500 == pytest.approx(0.9, abs=4 * math.sqrt(0.9 * 0.1 / 500))


def test_processes_give_what_one_gives():
    """Of a function that only this function knows, as one in a notebook."""
    task, power = a_task(), 2

    def question(part):
        return moments(part, power)

    alone, together = (
        ib.compare.draws(partial(question), task, 3, processes=processes, progress=False)
        for processes in (1, 2)
    )
    assert alone.values.equals(together.values)


def test_overlapping_draws_are_refused():
    tasks = [a_task(seed=0), a_task(seed=1), a_task(seed=0)]
    with pytest.raises(ValueError, match=r"tasks: draw 2 has an example \(row 0 of X_train\) that"):
        ib.compare.draws(moments, tasks)
    shipped = [ib.tasks.load("digits", n_train=900, n_test=500, seed=s) for s in (0, 1)]
    with pytest.raises(ValueError, match="Draws that overlap make standard errors too small"):
        ib.compare.draws(moments, shipped)


def test_a_checkpoint_goes_on(tmp_path):
    task, asked, file = a_task(), [], tmp_path / "draws.jsonl"

    def question(part):
        asked.append(part)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return {"mean": part.X_train.mean()}

    with pytest.raises(KeyboardInterrupt):
        ib.compare.draws(question, task, 4, checkpoint=file, processes=1, progress=False)
    with file.open("a") as stream:
        stream.write('{"task": "cut sho')  # as a kill in the middle of a line leaves it
    found = ib.compare.draws(question, task, 4, checkpoint=file, processes=1, progress=False)
    assert len(asked) == 5  # two, the one that was interrupted, and the two that were left
    again = ib.compare.draws(question, task, 4, checkpoint=file, processes=1, progress=False)
    assert len(asked) == 5
    assert found.values.equals(again.values)
    fresh = ib.compare.draws(
        lambda part: {"mean": part.X_train.mean()}, task, 4, processes=1, progress=False
    )
    assert found.values.equals(fresh.values)
    with pytest.raises(ValueError, match="belongs to another question"):
        ib.compare.draws(moments, task, 4, checkpoint=file)
    with pytest.raises(ValueError, match="holds 4 draws of other data"):
        ib.compare.draws(question, task, 4, seed=1, checkpoint=file)
    file.write_text("something else\n")
    with pytest.raises(ValueError, match="is damaged, or no checkpoint"):
        ib.compare.draws(question, task, 4, checkpoint=file)


SCRIPT = """
import sys, time
import numpy as np
import pandas as pd
import ibhelpers as ib

def slow(task):
    time.sleep(0.3)
    return {"mean": float(task.X_train.mean())}

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.normal(size=(60, 1))
    task = ib.Task(X[:40], y[:40], X[40:], y[40:])
    found = ib.compare.draws(slow, task, 20, checkpoint=sys.argv[1], processes=1, progress=False)
    print(found.values["mean"].tolist())
"""


def test_a_run_that_was_killed_goes_on(tmp_path):
    script, file = tmp_path / "script.py", tmp_path / "draws.jsonl"
    script.write_text(textwrap.dedent(SCRIPT))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, str(script), str(file)]
    process = subprocess.Popen(run, env=environment)
    begin = time.monotonic()
    while not file.exists() or len(file.read_text().splitlines()) < 4:
        assert process.poll() is None
        assert time.monotonic() - begin < 120
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = [json.loads(line) for line in file.read_text().split("\n")[:-1]]
    assert 3 <= len(before) - 1 < 20
    out = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
    after = [json.loads(line) for line in file.read_text().splitlines()]
    assert after[: len(before)] == before  # what was finished was not asked again
    assert len(after) == 21
    assert len(set(json.loads(out))) == 20


def test_bad_questions():
    task, alone = a_task(), {"processes": 1, "progress": False}
    with pytest.raises(ValueError, match=r"question: it returned float; it must return numbers by"):
        ib.compare.draws(lambda task: 1.0, task, 2, **alone)
    with pytest.raises(ValueError, match="question: it gave NaN for 'x' in draw 0"):
        ib.compare.draws(lambda task: {"x": math.nan}, task, 2, **alone)
    with pytest.raises(ValueError, match=r"question: found .* give one number a name"):
        ib.compare.draws(lambda task: {"x": [1, 2]}, task, 2, **alone)
    with pytest.raises(ValueError, match="it gave other names for one draw"):
        ib.compare.draws(lambda task: {str(task.X_train[0, 0]): 1.0}, task, 2, **alone)
    with pytest.raises(ValueError, match="n: found 13 draws for 30 training and 12 test"):
        ib.compare.draws(moments, task, 13)
    with pytest.raises(ValueError, match="tasks: found none"):
        ib.compare.draws(moments, [])
    with pytest.raises(ValueError, match="n: several tasks are not cut"):
        ib.compare.draws(moments, [task], 2)
    found = ib.compare.draws(moments, task, 2, **alone)
    with pytest.raises(ValueError, match="b: found 'test'; known are inputs, tests"):
        found.difference("inputs", "test")
    infinite = ib.compare.draws(lambda task: {"bits": math.inf}, task, 2, **alone)
    assert infinite.summary().loc["bits", "mean"] == math.inf
