"""What chapter 15, networks beyond counting, shows of splitting through training.

python book/recorded/chapter_15.py [counted | smooth]

Each takes some minutes on one core, and goes on where it was killed.
"""

import sys
import time

import numpy as np
import recording

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


if __name__ == "__main__":
    asked = sys.argv[1:] or ["counted", "smooth"]
    for what, program in {"counted": of_chapter_10, "smooth": smooth}.items():
        if what in asked:
            program()
