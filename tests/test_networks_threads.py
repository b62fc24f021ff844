"""Chunks on threads: the same numbers in the same order, and nothing left running."""

import re
import signal
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

import ibhelpers as ib
from ibhelpers import networks
from ibhelpers.networks import space as space_module
from ibhelpers.networks._threads import _first_or_failed, in_order


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def task():
    return ib.tasks.load("digits", n_train=40, n_test=20)


def space(**settings):
    settings = {"epochs": 3, "batch_size": 8} | settings
    return ib.NetworkSpace(networks.mlp(width=4, depth=1), **settings)


def test_results_come_in_the_order_of_the_parts_and_no_more_than_asked_for_are_in_the_making(
    threads,
):
    running, most, lock = set(), [], threading.Lock()

    def work(part, tick):
        with lock:
            running.add(part)
            most.append(len(running))
        time.sleep(0.02 * (part % 3))
        tick(part)
        with lock:
            running.remove(part)
        return part, torch.get_num_threads()

    told = []
    found = list(in_order(work, range(12), threads, told.append))
    assert found == [(part, 1) for part in range(12)]
    assert sum(told) == sum(range(12))
    assert max(most) <= threads and (threads == 1 or max(most) > 1)
    assert torch.get_num_threads() == threads


def test_parts_are_taken_ahead_of_the_threads():
    """So that the next chunk is built while a card trains this one."""
    taken, second = [], threading.Event()

    def parts():
        for part in range(4):
            taken.append(part)
            if part == 1:
                second.set()
            yield part

    def work(part, tick):
        assert part or second.wait(60)  # the first part waits until the second was taken
        return part

    results = in_order(work, parts(), 1, lambda amount: None, ahead=1)
    assert next(results) == 0 and taken == [0, 1]
    assert list(results) == [1, 2, 3]


def test_an_error_in_one_part_ends_the_others_at_their_next_tick():
    ended = []

    def work(part, tick):
        if part == 1:
            raise FloatingPointError("part 1")
        try:
            while part:
                tick(0)
                time.sleep(0.001)
        finally:
            ended.append(part)
        return part

    with pytest.raises(FloatingPointError, match="part 1"):
        assert list(in_order(work, range(9), 3, lambda amount: None)) == [0]
    assert set(ended) <= {0, 2, 3} and 2 in ended
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]


def test_what_is_finished_is_not_lost_to_an_error_elsewhere():
    making = deque([Future(), Future()])
    making[0].set_result("finished")
    making[1].set_exception(FloatingPointError("part 1"))
    assert _first_or_failed(making).result() == "finished"
    making.appendleft(Future())  # not done
    with pytest.raises(FloatingPointError):
        _first_or_failed(making).result()


def test_an_error_in_a_later_part_does_not_wait_for_the_first():
    def work(part, tick):
        if part == 1:
            raise FloatingPointError("part 1")
        while True:  # until it is stopped
            tick(0)
            time.sleep(0.001)

    with pytest.raises(FloatingPointError, match="part 1"):
        next(in_order(work, range(9), 2, lambda amount: None))


def test_results_that_are_no_longer_wanted_are_not_computed():
    def work(part, tick):
        while part:
            tick(0)
            time.sleep(0.001)

    results = in_order(work, range(9), 2, lambda amount: None)
    assert next(results) is None
    results.close()  # returns, although no other part would ever end
    with pytest.raises(StopIteration):
        next(results)


def test_the_number_of_threads_changes_no_bit(task, threads):
    torch.manual_seed(0)
    found = space(chunk=3).train(task, 11, outputs=True, seed=0)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    expected = space(chunk=3).train(task, 11, outputs=True, seed=0)
    for name in ("train_loss", "test_loss", "test_curve", "outputs", "epochs"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def test_networks_that_share_a_frozen_layer(task, threads):
    shared = nn.Linear(task.n_inputs, 7).requires_grad_(False)
    before = shared.weight.clone()

    def architecture(task):
        return nn.Sequential(shared, nn.ReLU(), nn.Linear(7, task.n_outputs))

    options = {"epochs": 3, "batch_size": 8, "chunk": 3}
    found = ib.NetworkSpace(architecture, **options).train(task, 20, seed=0).test_loss
    torch.set_num_threads(1)
    np.testing.assert_array_equal(
        found, ib.NetworkSpace(architecture, **options).train(task, 20, seed=0).test_loss
    )
    assert isinstance(shared.weight, nn.Parameter) and torch.equal(shared.weight, before)


def test_two_callers_at_once_get_what_each_gets_alone(task):
    torch.manual_seed(5)
    expected = [space().train(task, 12, seed=seed).test_loss for seed in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            found = pool.map(lambda seed: space().train(task, 12, seed=seed).test_loss, (0, 1))
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5)
    draw = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), draw)


def test_ctrl_c_while_networks_are_built(task):
    built = []

    def architecture(task):
        built.append(None)
        if len(built) == 500:
            signal.raise_signal(signal.SIGINT)
        return nn.Linear(task.n_inputs, task.n_outputs)

    with pytest.raises(KeyboardInterrupt):
        ib.NetworkSpace(architecture, epochs=1, batch_size=8).train(task, 10_000, seed=0)
    assert len(built) == 500


def test_few_networks_are_spread_over_the_threads(task, threads):
    chunk = space().chunk_for(task)
    assert chunk.at_once == threads
    assert chunk.bytes == threads * chunk.size * chunk.bytes_per_network
    sizes = []

    class Counting(space_module.Stack):
        def __init__(self, modules, count, *args):
            sizes.append(count)
            super().__init__(modules, count, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(space_module, "Stack", Counting)
        space().train(task, 10, seed=0)
    assert sizes == {1: [10], 2: [5, 5], 5: [2] * 5}[threads]


def test_memory_that_lasts_for_one_thread_only(task, monkeypatch):
    expected, real, lock, training = (
        space(chunk=1).train(task, 4, seed=0),
        space_module.train,
        threading.Lock(),
        [],
    )

    def greedy(*args, **options):
        with lock:
            training.append(None)
        try:
            if len(training) > 1:
                raise MemoryError
            for _ in range(100):  # long enough for the other to be there
                options["tick"](0)
                time.sleep(0.001)
            return real(*args, **options)
        finally:
            training.pop()

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(space_module, "train", greedy)
    try:
        with pytest.warns(UserWarning, match="not enough memory to train") as caught:
            found = space(chunk=2).train(task, 4, seed=0)
    finally:
        torch.set_num_threads(before)
    said = [
        re.search(r"train (.*?); going on with half as many. Use (.*) to", str(w.message))
        for w in caught
    ]
    assert [s.groups() for s in said] == [
        ("2 networks together", "chunk=1"),
        ("on 2 threads", "torch.set_num_threads(1)"),
    ]
    np.testing.assert_array_equal(found.test_loss, expected.test_loss)


# Python itself leaves a file unclosed when Ctrl-C comes between `open` and `with`.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_ctrl_c_stops_every_thread_at_its_next_step(task, threads, tmp_path):
    calls, lock = [], threading.Lock()

    def schedule(progress):
        with lock:
            calls.append(progress)
        if len(calls) == 64 + 100:  # 64 are of the configuration
            signal.raise_signal(signal.SIGINT)
        if len(calls) >= 64 + 100:
            time.sleep(0.01)
        return 1.0

    file = tmp_path / "run.npz"
    with pytest.warns(UserWarning, match=r"interrupted: (\d+) of 10000 hypotheses") as caught:
        found = space(schedule=schedule, chunk=2).train(task, 10_000, checkpoint=file, seed=0)
    steps = len(calls)
    # One chunk takes 15 steps; of the 100 that were taken those in flight are lost.
    assert 2 * (100 // 15 - threads) <= len(found) <= 2 * (100 // 15 + 1)
    (said,) = (str(warning.message) for warning in caught if warning.category is UserWarning)
    assert f"interrupted: {len(found)} of" in said
    time.sleep(0.2)
    assert len(calls) == steps
    whole = space(schedule=lambda progress: 1.0, chunk=2).train(
        task, len(found) + 3, checkpoint=file, seed=0
    )
    np.testing.assert_array_equal(
        whole.test_loss, space(chunk=2).train(task, len(found) + 3, seed=0).test_loss
    )
