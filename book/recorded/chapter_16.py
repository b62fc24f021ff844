"""What chapter 16, infinite networks and what convolutions know, shows of ten draws of digits.

python book/recorded/chapter_16.py DRAW PART ...     asks one draw, 0 to 9, of some parts
python book/recorded/chapter_16.py join              makes the record of all draws and parts

A part is a network, "mlp", "conv" or "pooled"; "conv, shuffled" is the same with pixels in another
order, and "conv, trained" all of its layers trained until they fit. Parts take up to some minutes
on one core each; those that are done are not asked again.
"""

import json
import sys
import time
from dataclasses import replace

import numpy as np
import recording

import ibhelpers as ib

# --- what is asked, as the chapter has it ---------------------------------------------------------


def halved(X):
    """Digits of 28 x 28 as 14 x 14: means of 2 x 2 pixels."""
    tiles = X.reshape(-1, 14, 2, 14, 2)
    return tiles.mean((2, 4)).reshape(len(X), -1)


def changed(task, change):
    """The task with inputs that are changed."""
    return replace(
        task,
        X_train=change(task.X_train),
        X_test=change(task.X_test),
        input_shape=(14, 14),
    )


def shuffled(X):
    """The pixels in another order, the same for all digits."""
    return X[:, np.random.default_rng(0).permutation(196)]


def network(kind, biases, tangent=False):
    """The kernel of an infinitely wide network of three layers."""
    kernels = ib.kernels
    dense = kernels.NTK if tangent else kernels.NNGP
    conv = kernels.ConvNTK if tangent else kernels.ConvNNGP
    if kind == "mlp":
        return dense(3, bias_variance=biases)
    return conv(
        (14, 14),
        3,
        stride=(2, 2, 1),
        pooling=kind == "pooled",
        bias_variance=biases,
    )


def space_of(task, kind):
    """Biases, amplitude and noise by the evidence."""
    spaces = [
        ib.GaussianSpace.fit(
            task,
            network(kind, biases),
            hold="kernel",
            progress=False,
        )
        for biases in (0.0, 0.1)
    ]
    return max(spaces, key=lambda space: space.choice.value)


def judged(space, task):
    """Bits, mean loss, error rate of the mean; evidence."""
    law = space.loss_law(task)
    bits = ib.inductive_bias(law, [0.02, 0.01]).bits
    mean = space.spectrum(task).mean.numpy()
    wrong = mean.argmax(axis=1) != task.labels_test
    return {
        "bits at 0.02": bits[0],
        "bits": bits[1],
        "mean loss": law.mean(),
        "wrong": wrong.mean(),
        "evidence": space.choice.value,
        "biases": space.choice.kernel.bias_variance,
    }


def of_error_rates(space, task):
    """Bits of an error rate of 3 %, and their interval."""
    bias = ib.rare_event_bias(
        space,
        task,
        loss="zero_one",
        target_error=0.03,
        particles=30,
        seed=0,
        progress=False,
    )
    low, high = bias.interval or (np.nan, np.nan)
    return {
        "bits, 3 % wrong": bias.bits,
        "bits, 3 % wrong, low": low,
        "bits, 3 % wrong, high": high,
    }


def trained(task, kind, space):
    """Bits of all layers trained until they fit."""
    biases = space.choice.kernel.bias_variance
    scale = space.choice.amplitude
    smaller = replace(
        task,
        y_train=task.y_train / scale**0.5,
        y_test=task.y_test / scale**0.5,
    )
    law = ib.InfiniteNetworkSpace.of(network(kind, biases, tangent=True)).loss_law(smaller)
    targets = np.array([0.02, 0.01]) / scale
    bits = ib.inductive_bias(law, targets).bits
    return {
        "bits at 0.02": bits[0],
        "bits": bits[1],
        "mean loss": scale * law.mean(),
    }


# --- draw by draw ---------------------------------------------------------------------------------

KINDS = ("mlp", "conv", "pooled")
PARTS = [f"{kind}{way}" for way in ("", ", shuffled", ", trained") for kind in KINDS]
DRAWS = 10


def digits(draw: int, n_train: int = 1000, n_test: int = 500) -> ib.Task:
    """The chapter's own digits, or another draw of as many."""
    first = ib.tasks.load("mnist", n_train=n_train, n_test=n_test, balanced=False)
    if draw == 0:
        return changed(first, halved)
    pool = ib.tasks.load("mnist", full=True, n_train=60_000, n_test=10_000)
    tasks = recording.first_and_others(first, pool, DRAWS, balanced=False)
    return changed(tasks[draw], halved)


def ask(task: ib.Task, part: str) -> dict[str, float]:
    """What is asked of one network."""
    kind, _, way = part.partition(", ")
    if way == "shuffled":
        mixed = changed(task, shuffled)
        return judged(space_of(mixed, kind), mixed)
    space = space_of(task, kind)
    if way == "trained":
        return trained(task, kind, space)
    return judged(space, task) | of_error_rates(space, task)


def file_of(draw: int, part: str):
    """Where the answers of one part are until all are joined."""
    return recording.FOLDER / f"16_convolutions_{draw}_{part.replace(', ', '_')}.part"


def ask_draw(draw: int, parts: list[str]) -> None:
    """Ask one draw, and keep every part when it is done."""
    task = digits(draw)
    for part in parts:
        if file_of(draw, part).exists():
            continue
        begun = time.process_time()
        found = {name: float(value) for name, value in ask(task, part).items()}
        found["seconds"] = time.process_time() - begun
        recording.FOLDER.mkdir(exist_ok=True)
        file_of(draw, part).write_text(json.dumps(found))
        print(draw, part, found, flush=True)


def join() -> None:
    """One row a draw, one column for each part and number."""
    columns: dict[str, list[float]] = {}
    seconds = 0.0
    for part in PARTS:
        found = [json.loads(file_of(draw, part).read_text()) for draw in range(DRAWS)]
        seconds += sum(row.pop("seconds") for row in found)
        for name in found[0]:
            columns[f"{name}: {part}"] = [row[name] for row in found]
    recording.write(
        "16_convolutions",
        columns,
        of="1,000 training and 500 test digits of MNIST, 14 x 14 pixels, dealt at random: the "
        "chapter's own, and others of the full set",
        seconds=seconds,
    )
    for draw in range(DRAWS):
        for part in PARTS:
            file_of(draw, part).unlink()


if __name__ == "__main__":
    what, *parts = sys.argv[1:]
    if what == "join":
        join()
    else:
        ask_draw(int(what), parts or PARTS)
