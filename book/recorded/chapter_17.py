"""What chapter 17, random networks are not random functions, shows of networks of finite width.

python book/recorded/chapter_17.py PART NUMBER ...

PART is finite, and NUMBER a seed from 0 to 4; or training, and NUMBER a split from 0 to 9. Each
takes some minutes of one core at most, and writes a file of its own to data/draws/parts, or to the
folder parts of the environment's OUT. Then `python book/recorded/chapter_17.py join` makes the
records of the files.
"""

import itertools
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import recording
import torch
from scipy import stats

import ibhelpers as ib

PARTS = Path(os.environ.get("OUT", recording.FOLDER)) / "parts"
ACTIVATIONS = {
    "ReLU": torch.relu,
    "tanh": torch.tanh,
    "GELU": torch.nn.functional.gelu,
    "sine": torch.sin,
}

# --- as the chapter has them ----------------------------------------------------------------------


def corners(n):
    """The 2^n corners of the cube, one a row of -1 and 1."""
    return np.array(list(itertools.product([-1.0, 1.0], repeat=n)))


def random_networks(
    X,
    count,
    seed,
    *,
    width=64,
    depth=2,
    activation=torch.relu,
    gain=2.0,
    bias=0.0,
):
    """Signs (count, m) of what untrained networks say at X."""
    rng = torch.Generator().manual_seed(seed)
    h = torch.tensor(X, dtype=torch.float32).expand(count, *X.shape)
    for layer in range(depth + 1):
        d, k = h.shape[2], 1 if layer == depth else width
        W = torch.randn(count, d, k, generator=rng)
        b = torch.randn(count, 1, k, generator=rng)
        W, b = (gain / d) ** 0.5 * W, bias**0.5 * b
        h = torch.baddbmm(b, h, W)
        h = activation(h) if layer < depth else h
    return (h[:, :, 0] > 0).numpy()


def what_training_adds(task):
    """Bits of a function before training, of its data, after."""
    n, X = task.n_train, np.vstack([task.X_train, task.X_test])
    f = np.append(task.labels_train, task.labels_test) - 0.5
    C = ib.kernels.NNGP(depth=2)(X).numpy()
    function = ib.laws.orthant(C, f, seed=0).bits
    data = ib.laws.orthant(C[:n, :n], f[:n], seed=0).bits
    trained = ib.InfiniteNetworkSpace(depth=2).posterior(task)
    after = ib.laws.orthant(
        2 * trained.covariance,
        f[n:],
        mean=trained.mean[:, 1] - trained.mean[:, 0],
        seed=0,
    )
    return {
        "function": function,
        "data": data,
        "function given data": function - data,
        "after training": after.bits,
    }


# --- the rest -------------------------------------------------------------------------------------


def landmarks(X: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "constant": np.ones(len(X)),
        "first input": X[:, 0],
        "and": X.min(1),
        "majority": X.sum(1) + 0.5,
        "parity": X.prod(1),
    }


def finite(seed: str, networks: int = 1_000_000, block: int = 4000) -> list[dict]:
    """Networks of width 64 that were drawn and counted, for each activation."""
    X, rows = corners(4), []
    named = {name: f > 0 for name, f in landmarks(X).items()}
    for activation, function in ACTIVATIONS.items():
        counts = np.zeros(2**16, dtype=np.int64)
        for i in range(networks // block):
            signs = random_networks(X, block, int(seed) * 10**6 + i, activation=function, bias=1.0)
            counts += np.bincount(signs @ 2 ** np.arange(16), minlength=2**16)
        seen = np.flatnonzero(counts >= 10)
        measures = ib.tasks.complexity(2 * (seen[:, None] >> np.arange(16) & 1) - 1)
        bits = -np.log2(counts[seen] / networks)
        row = {"activation": activation, "seed": int(seed), "networks": networks}
        row |= {"functions seen": int((counts > 0).sum()), "seen ten times": len(seen)}
        for name, f in named.items():
            count = int(counts[f @ 2 ** np.arange(16)])
            row[name] = float(-np.log2(count / networks)) if count else np.inf
        row |= {f"correlation, {name}": stats.spearmanr(bits, m)[0] for name, m in measures.items()}
        rows.append(row)
    return rows


def training(seed: str, networks: int = 60, others: int = 10) -> list[dict]:
    """Half of the corners of five inputs are learned: what the rest costs, before and after."""
    rows = []
    for name in ("first", "majority", "parity", "random"):
        task = ib.tasks.load("boolean", function=name, inputs=5, n_train=16, seed=int(seed))
        row = {"learned": name, "seed": int(seed)} | what_training_adds(task)
        space = ib.NetworkSpace(
            ib.networks.mlp(width=64, depth=2, parameterisation="ntk"),
            optimizer="momentum",
            lr=0.1,
            epochs=200,
            batch_size=None,
        )
        found = space.train(task, networks, seed=int(seed), outputs=True, progress=False)
        fitted = found.train_error_rate == 0
        assert found.outputs is not None
        reached = found.outputs.argmax(2)[fitted]
        row |= {"fitted": float(fitted.mean()), "networks": int(fitted.sum())}
        row["computed it"] = int((reached == task.labels_test).all(1).sum())
        row["error rate"] = float((reached != task.labels_test).mean())
        guesses = np.random.default_rng(int(seed)).integers(0, 2, (others, task.n_test))
        C = ib.kernels.NNGP(depth=2)(np.vstack([task.X_train, task.X_test])).numpy()
        for what, labels in {"reached": reached[:others], "guessed": guesses}.items():
            of = [np.append(task.labels_train, rest) - 0.5 for rest in labels]
            row[f"bits of those {what}"] = np.mean(
                [ib.laws.orthant(C, f, 2000, seed=0).bits for f in of]
            )
        rows.append(row)
    return rows


RECORDS = {
    "finite": (
        finite,
        "untrained networks of width 64, depth 2 and gain 2, drawn and counted, five seeds",
    ),
    "training": (training, "functions of five inputs, 16 of 32 corners learned, ten splits"),
}


def ask(part: str, which: str) -> None:
    """Write what one process finds."""
    begun = time.process_time()
    rows = RECORDS[part][0](which)
    PARTS.mkdir(parents=True, exist_ok=True)
    took = time.process_time() - begun
    plain = [{k: v.item() if isinstance(v, np.generic) else v for k, v in r.items()} for r in rows]
    text = json.dumps({"seconds": took, "rows": plain})
    (PARTS / f"17_{part}_{which}.json").write_text(text, encoding="utf-8")
    print(part, which, f"{took:.0f} s")


def join() -> None:
    """Make "17_finite" and "17_training" of the files."""
    for part, (_, of) in RECORDS.items():
        found = [json.loads(p.read_text("utf-8")) for p in sorted(PARTS.glob(f"17_{part}_*.json"))]
        rows = [row for one in found for row in one["rows"]]
        values = {name: [row[name] for row in rows] for name in rows[0]}
        recording.write(f"17_{part}", values, of=of, seconds=sum(one["seconds"] for one in found))


if __name__ == "__main__":
    if sys.argv[1:] == ["join"]:
        join()
    else:
        for number in sys.argv[2:]:
            ask(sys.argv[1], number)
