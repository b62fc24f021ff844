"""What chapter 16, infinite networks and what convolutions know, shows of ten draws of digits.

python book/recorded/chapter_16.py [mistakes]

The network with pooling, whose kernel has all pairs of places, is asked of fewer digits.
`mistakes` asks for the bits of an error rate, which takes longest.
"""

import sys
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


def network(kind, tangent=False, biases=0.0):
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


def space_of(task, kind, biases=0.0):
    """Amplitude and noise by the evidence."""
    kernel = network(kind, biases=biases)
    return ib.GaussianSpace.fit(
        task,
        kernel,
        hold="kernel",
        progress=False,
    )


def judged(space, task):
    """Bits, mean loss, error rate of the mean; evidence."""
    law = space.loss_law(task)
    bits = ib.inductive_bias(law, [0.03, 0.01]).bits
    mean = space.spectrum(task).mean.numpy()
    wrong = mean.argmax(axis=1) != task.labels_test
    return {
        "bits at 0.03": bits[0],
        "bits": bits[1],
        "mean loss": law.mean(),
        "wrong": wrong.mean(),
        "evidence": space.choice.value,
    }


def trained(space, task, kind):
    """Bits of all layers trained until they fit."""
    scale = space.choice.amplitude
    smaller = replace(
        task,
        y_train=task.y_train / scale**0.5,
        y_test=task.y_test / scale**0.5,
    )
    kernel = network(kind, tangent=True)
    law = ib.InfiniteNetworkSpace.of(kernel).loss_law(smaller)
    targets = np.array([0.03, 0.01]) / scale
    bits = ib.inductive_bias(law, targets).bits
    return {
        "bits at 0.03": bits[0],
        "bits": bits[1],
        "mean loss": scale * law.mean(),
    }


def said(name, numbers):
    """Numbers with a name beside each."""
    return {f"{k}: {name}": float(v) for k, v in numbers.items()}


def first_of(task, n_train, n_test):
    """The task with its first examples alone."""
    return replace(
        task,
        X_train=task.X_train[:n_train],
        y_train=task.y_train[:n_train],
        labels_train=task.labels_train[:n_train],
        X_test=task.X_test[:n_test],
        y_test=task.y_test[:n_test],
        labels_test=task.labels_test[:n_test],
    )


def three_networks(task):
    """Bits of two networks; shuffled; trained; with pooling."""
    found = {}
    for kind in ("mlp", "conv"):
        space = space_of(task, kind)
        found |= said(kind, judged(space, task))
        ensemble = trained(space, task, kind)
        found |= said(f"{kind}, trained", ensemble)
        mixed = changed(task, shuffled)
        space = space_of(mixed, kind)
        found |= said(f"{kind}, shuffled", judged(space, mixed))
    few = first_of(task, 60, 40)
    for kind in ("mlp", "conv", "pooled"):
        space = space_of(few, kind)
        found |= said(f"{kind}, few", judged(space, few))
    return found


def by_mistakes(task):
    """Bits of 5 % of the digits wrong, with intervals."""
    found = {}
    for kind in ("mlp", "conv"):
        bias = ib.rare_event_bias(
            space_of(task, kind),
            task,
            loss="zero_one",
            target_error=0.05,
            seed=0,
        )
        limits = bias.interval or (np.nan, np.nan)
        numbers = {
            "bits of 5 % wrong": bias.bits,
            "from": limits[0],
            "to": limits[1],
        }
        found |= said(kind, numbers)
    return found


# --- ten draws ------------------------------------------------------------------------------------


if __name__ == "__main__":
    first = ib.tasks.load("mnist", n_train=250, n_test=130, balanced=False)
    pool = ib.tasks.load("mnist", n_train=4000, n_test=1000)
    tasks = recording.first_and_others(first, pool, 10, balanced=False)
    tasks = [changed(task, halved) for task in tasks]
    of = "250 training and 130 test digits of MNIST, 14 x 14 pixels"
    match sys.argv[1:]:
        case []:
            recording.keep("16_convolutions", three_networks, tasks, of=of)
        case ["mistakes"]:
            recording.keep("16_mistakes", by_mistakes, tasks, of=of)
        case _:
            sys.exit(__doc__)
