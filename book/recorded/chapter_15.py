"""What chapter 15, networks beyond counting, shows of splitting through training.

python book/recorded/chapter_15.py [counted | smooth | deep | brute KIND | draw SPACE NUMBER | join]

Each takes some minutes on one core, and goes on where it was killed; `deep` asks for a card where
there is one. Draws and kinds may be asked in processes of their own; `join` makes records of them.
"""

import json
import sys
import time

import numpy as np
import recording
from sklearn.datasets import load_digits

import ibhelpers as ib

# --- spaces and targets, as the chapter has them --------------------------------------------------

TARGETS_10 = [0.037, 0.034, 0.031, 0.028, 0.02]
TARGETS = [0.04, 0.036, 0.033, 0.03, 0.0275, 0.025, 0.0225]


def space_of_chapter_10():
    return ib.NetworkSpace(
        ib.networks.mlp(width=16, depth=1),
        lr=0.01,
        epochs=40,
        batch_size=20,
        max_train_loss=0.03,
    )


def smooth_space():
    return ib.NetworkSpace(
        ib.networks.mlp(width=16, depth=1),
        optimizer="nesterov",
        lr=1.0,
        epochs=40,
        batch_size=None,
        max_train_loss=0.05,
    )


# --- runs -----------------------------------------------------------------------------------------


def recorded(
    name: str,
    space: ib.NetworkSpace,
    task: ib.Task,
    targets: list[float],
    *,
    of: str,
    counted: int,
    **settings: int | float,
) -> None:
    """Bits by splitting and by counting, and by the five tails of 200 losses."""
    recording.FOLDER.mkdir(exist_ok=True)
    unfinished = recording.FOLDER / f"{name}.part"
    begun = time.process_time()
    bias = ib.rare_event_bias(
        space, task, loss="mse", target_error=targets, seed=0, checkpoint=unfinished, **settings
    )
    took = time.process_time() - begun
    trace = bias.trace
    losses = space.sample_losses(task, counted, seed=1)
    plain = ib.inductive_bias(ib.laws.Empirical(losses), targets)
    tails = ib.estimate_bias(losses[:200], targets, n_boot=100, seed=0)
    columns = bias.to_dict() | {
        "counted": plain.bits,
        "counted_lower": plain.interval[0],
        "counted_upper": plain.interval[1],
    }
    for tail, rows in tails.groupby("tail", sort=False):
        columns |= {f"{tail}": rows.bits, f"{tail}_lower": rows.lower, f"{tail}_upper": rows.upper}
    order = list(trace.target_error)
    for i in range(len(trace.moves)):
        run = [-trace.log_p[i, order.index(t)] / np.log(2) for t in targets]
        columns[f"run {i}, {trace.moves[i]} moves"] = run
    columns["fitted"] = [trace.fitted] * len(targets)
    values = {name: _plain(column) for name, column in columns.items()}
    recording.write(name, values, of=of, seconds=took)
    unfinished.unlink()
    print(bias, trace.why_it_stopped, trace.doublings, f"{took:.0f} s of one core", sep="\n")


def _plain(column) -> list:
    return [x if isinstance(x, (bool, str)) else float(x) for x in np.asarray(column).tolist()]


def of_chapter_10() -> None:
    task = ib.tasks.load("digits", n_train=100, n_test=500)
    recorded(
        "15_counted",
        space_of_chapter_10(),
        task,
        TARGETS_10,
        of="the networks of chapter 10, 100 training and 500 test digits; those whose training "
        "loss is at most 0.03",
        counted=1500,
        particles=100,
        moves=3,
        max_bits=16,
    )


def smooth() -> None:
    task = ib.tasks.load("digits", n_train=100, n_test=100)
    recorded(
        "15_smooth",
        smooth_space(),
        task,
        TARGETS,
        of="networks trained on all of 100 digits in every step, 100 test digits; those whose "
        "training loss is at most 0.05",
        counted=4000,
        particles=120,
        moves=4,
        max_bits=40,
    )


def deep() -> None:
    """The smooth space with many networks a run, for an interval where few part."""
    task = ib.tasks.load("digits", n_train=100, n_test=100)
    recorded(
        "15_deep",
        smooth_space(),
        task,
        [0.0275, 0.025, 0.0225, 0.02],
        of="the networks trained on all of 100 digits in every step, 1,200 a run",
        counted=200,
        particles=1200,
        moves=4,
        max_bits=45,
    )


# --- by brute force -------------------------------------------------------------------------------

KINDS = {
    "mlp": {"architecture": ib.networks.mlp(width=16, depth=1), "lr": 0.02},
    "cnn": {"architecture": ib.networks.cnn(channels=(2, 4)), "lr": 0.02},
    "linear": {"architecture": ib.networks.linear(std=0.1), "optimizer": "sgd", "lr": 0.3},
}


def brute(kind: str, networks: int = 20_000, particles: int = 100) -> dict[str, list]:
    """Bits by counting networks and by splitting, where counting says 4, 8 and 12."""
    task = ib.tasks.load("digits", n_train=50, n_test=50)
    space = ib.NetworkSpace(**KINDS[kind], epochs=10, batch_size=None)
    losses = space.sample_losses(task, networks, seed=1)
    targets = np.quantile(losses, [2.0**-4, 2.0**-8, 2.0**-12])
    plain = ib.inductive_bias(ib.laws.Empirical(losses), targets)
    bias = ib.rare_event_bias(
        space, task, loss="mse", target_error=targets, seed=0, particles=particles, moves=4
    )
    found = bias.to_dict() | {
        "counted": plain.bits,
        "counted_lower": plain.interval[0],
        "counted_upper": plain.interval[1],
    }
    if kind == "linear":
        found["exact"] = ib.inductive_bias(ib.networks.linear_law(space, task), targets).bits
    return {name: _plain(column) for name, column in found.items()}


# --- other draws ----------------------------------------------------------------------------------

SPACES = {
    "mini-batches": (space_of_chapter_10, {"particles": 40, "moves": 2}),
    "whole set": (smooth_space, {"particles": 60, "moves": 3}),
}


def draws() -> list[ib.Task]:
    """Ten tasks of 100 training and 79 test digits, which share none."""
    images = load_digits()
    X, y = images.data / 16, np.eye(10)[images.target]
    rows = np.random.default_rng(0).permutation(len(X))[:1790].reshape(10, 179)
    return [
        ib.Task(
            X[row[:100]],
            y[row[:100]],
            X[row[100:]],
            y[row[100:]],
            labels_train=images.target[row[:100]],
            labels_test=images.target[row[100:]],
            input_shape=(8, 8),
            name="digits",
        )
        for row in rows
    ]


def one_draw(space: ib.NetworkSpace, task: ib.Task, **settings: int) -> dict[str, float]:
    """Where the noncentral curve of 200 losses says ten bits: what splitting and all tails say."""
    losses = space.sample_losses(task, 200, seed=0)
    curve = ib.laws.ScaledNoncentralChi2.fit(losses)
    target = float(curve.ilogcdf(-10 * np.log(2)))
    bias = ib.rare_event_bias(
        space, task, loss="mse", target_error=target, seed=0, max_bits=20, **settings
    )
    low, high = bias.interval if bias.interval else (np.nan, np.nan)
    said = ib.estimate_bias(losses, target, n_boot=0).set_index("tail").bits
    return {
        "target_error": target,
        "bits": float(bias.bits),
        "lower": float(low),
        "upper": float(high),
        "at_least": bool(bias.at_least),
        "fitted": bias.trace.fitted,
    } | {tail: float(bits) for tail, bits in said.items()}


# --- parts that processes of their own write, and their records -----------------------------------


def _keep(name: str, found: dict, begun: float) -> None:
    recording.FOLDER.mkdir(exist_ok=True)
    file = recording.FOLDER / f"{name}.part.json"
    file.write_text(json.dumps(found | {"seconds": time.process_time() - begun}))


def _kept(name: str) -> dict:
    return json.loads((recording.FOLDER / f"{name}.part.json").read_text())


def join() -> None:
    """Records of all draws and kinds, from their parts."""
    rows = [
        {"space": space, "draw": d} | _kept(f"15_draw_{space}_{d}".replace(" ", "_"))
        for space in SPACES
        for d in range(10)
    ]
    took = sum(row.pop("seconds") for row in rows)
    recording.write(
        "15_draws",
        {name: [row[name] for row in rows] for name in rows[0]},
        of="ten draws of 100 training and 79 test digits of 8 x 8 that share none",
        seconds=took,
    )
    kinds = {kind: _kept(f"15_brute_{kind}") for kind in KINDS}
    took = sum(found.pop("seconds") for found in kinds.values())
    values: dict[str, list] = {"kind": [k for k, found in kinds.items() for _ in found["bits"]]}
    for name in kinds["linear"]:
        values[name] = [
            x for found in kinds.values() for x in found.get(name, [None] * len(found["bits"]))
        ]
    recording.write(
        "15_brute",
        values,
        of="50 training and 50 test digits of 8 x 8; 20,000 networks of each kind counted",
        seconds=took,
    )


if __name__ == "__main__":
    begun = time.process_time()
    match sys.argv[1:]:
        case ["counted"]:
            of_chapter_10()
        case ["smooth"]:
            smooth()
        case ["deep"]:
            deep()
        case ["brute", kind]:
            _keep(f"15_brute_{kind}", brute(kind), begun)
        case ["draw", space, number]:
            make, settings = SPACES[space]
            found = one_draw(make(), draws()[int(number)], **settings)
            _keep(f"15_draw_{space}_{number}".replace(" ", "_"), found, begun)
        case ["join"]:
            join()
        case _:
            sys.exit(__doc__)
