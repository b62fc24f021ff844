"""Splits of tables whose rows belong together: the record of chapter 14."""

import time

import numpy as np
import pandas as pd
import recording

import ibhelpers as ib


def visits(seed, patients=60, each=5):
    """Visits of patients: the dose changes, the patient stays."""
    r = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), each)
    body = r.standard_normal((patients, 3))
    dose, noise = r.standard_normal((2, len(who)))
    outcome = (body[:, 0] + r.standard_normal(patients))[who]
    names = ["age", "weight", "height"]
    frame = pd.DataFrame(body[who], columns=names)
    return frame.assign(
        dose=dose,
        patient=who,
        outcome=outcome + 0.5 * dose + 0.3 * noise,
    )


def explained_by_split(seed):
    """What the average hypothesis explains, by who is tested on."""
    table, strangers = visits(seed), visits(10_000 + seed)
    order = np.repeat([0, 1], [len(table), len(strangers)])
    both = pd.concat([table, strangers]).assign(order=order)
    ways = {
        "random rows": (table, {"drop": ["patient"]}),
        "other patients": (table, {"groups": "patient"}),
        "strangers": (both, {"drop": ["patient"], "time": "order"}),
    }
    found = {}
    for way, (frame, options) in ways.items():
        size = 0.5 if way == "strangers" else 0.25
        options = {"test_size": size, "seed": seed, **options}
        task = ib.Task.from_frame(frame, "outcome", **options)
        space = ib.GaussianSpace.fit(task)
        mean = space.posterior(task).mean.numpy()
        constant = np.mean((task.y_test - task.y_train.mean()) ** 2)
        loss = np.mean((mean - task.y_test) ** 2)
        half = ib.inductive_bias(space.loss_law(task), constant / 2)
        found[way] = 1 - loss / constant
        found[f"{way}, bits for half"] = half.bits
    return found


def main():
    """Ten tables, from other seeds each."""
    begun = time.perf_counter()
    rows = pd.DataFrame([explained_by_split(seed) for seed in range(10)])
    recording.write(
        "14_splits",
        rows.to_dict("list"),
        of="sixty patients and as many strangers, made with seeds 0 to 9",
        seconds=time.perf_counter() - begun,
    )


if __name__ == "__main__":
    main()
