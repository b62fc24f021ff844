"""More digits, and what they cost: the records of chapter 19.

python book/recorded/chapter_19.py

Half a minute a draw on one core. A run that was cut short goes on where it was.
"""

import json
import re
import sys
import tempfile
import time
from dataclasses import replace
from typing import Any

import recording

import ibhelpers as ib

# --- questions, as the chapter asks them ----------------------------------------------------------


TARGETS = [0.01, 0.003582]
HELD = ib.GaussianSpace(0.06 * ib.kernels.RBF(5.4), noise=1e-4)


def chosen(task, most=2000):
    """A space by the evidence of at most so many digits."""
    n = min(most, task.n_train)
    few = ib.tasks.with_fewer_examples(task, n)
    return ib.GaussianSpace.fit(few)


def facts(space, task):
    """Bits at the targets, mean loss, errors of the mean."""
    law = space.loss_law(task)
    bits = ib.inductive_bias(law, TARGETS).bits
    mean = space.spectrum(task).mean.numpy().argmax(1)
    return {
        "bits at 0.01": bits[0],
        "bits at 0.003582": bits[1],
        "mean loss": law.mean(),
        "errors": (mean != task.labels_test).mean(),
    }


def grown(task, sizes=(100, 300, 1000, 4000)):
    """The facts at every size, in two spaces."""
    found = {}
    for n in sizes:
        part = ib.tasks.with_fewer_examples(task, n)
        spaces = {"chosen": chosen(part), "held": HELD}
        for name, space in spaces.items():
            for what, value in facts(space, part).items():
                found[f"{n}, {name}; {what}"] = value
    return found


def few_tested(task, n, m=100):
    """n training digits, and the first m test digits."""
    part = ib.tasks.with_fewer_examples(task, n)
    return replace(
        part,
        X_test=part.X_test[:m],
        y_test=part.y_test[:m],
        labels_test=part.labels_test[:m],
    )


def right(task, sizes=(300, 1000)):
    """Bits for which 95 of 100 digits are right."""
    found = {}
    for n in sizes:
        part = few_tested(task, n)
        bias = ib.rare_event_bias(
            chosen(part),
            part,
            loss="zero_one",
            target_error=0.05,
            seed=0,
        )
        found[f"{n}"] = bias.bits
    return found


# --- draws and costs ------------------------------------------------------------------------------

RECORDS = {"19_grown": grown, "19_errors": right}


def draws() -> list[ib.Task]:
    first = ib.tasks.load("mnist", n_train=4000, n_test=500, balanced=False)
    pool = ib.tasks.load("mnist", n_train=60_000, n_test=1, balanced=False, full=True)
    return recording.first_and_others(first, pool, 10, balanced=False)


def costs() -> None:
    """Conditioning on so many digits, with 500 test digits: in memory, on disk, on a cluster.

    Processor seconds, for other work shares the cores; and what a card and the large run took.
    """
    from distributed import Client, LocalCluster

    begun, rows = time.perf_counter(), []
    for n in (1000, 2000, 4000, 8000):
        rows.append(cost("memory", n, space=HELD))
    for n in (1000, 2000, 4000, 8000):
        with tempfile.TemporaryDirectory() as folder:
            space = ib.GaussianSpace(HELD.kernel, noise=HELD.noise, out_of_core=folder)
            rows.append(cost("disk", n, space=space))
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        space = ib.GaussianSpace(HELD.kernel, noise=HELD.noise, client=client)
        cost("cluster", 1000, space=space, client=client)  # workers import what they need
        for n in (1000, 2000, 4000, 8000):
            rows.append(cost("cluster", n, space=space, client=client))
    card, found = on_a_card()
    rows.append({"where": "card", "n": 60_000, "m": 10_000, "seconds": found["conditioning"]})
    recording.write(
        "19_cost",
        {name: [row[name] for row in rows] for name in rows[0]},
        of="conditioning on digits of MNIST: processor seconds on cores that were shared with "
        "other work, on a cluster those of its two workers and of the client; on the card, an "
        f"{card['machine']['gpu']}, seconds",
        seconds=time.perf_counter() - begun,
    )


def everything() -> None:
    """What a graphics card found with all of MNIST."""
    card, found = on_a_card()
    loss, share = found["mean loss"], found["share"]
    recording.write(
        "19_all",
        {
            "n": [60_000],
            "m": [10_000],
            "mean loss": [loss],
            "target": [round(share * loss, 6)],
            "bits": [found["bits"]],
        },
        of=f"all of MNIST, on an {card['machine']['gpu']}, in the space that is held",
        seconds=card["seconds"],
    )


def on_a_card() -> tuple[dict[str, Any], dict[str, float]]:
    """The record of a card, and what it says of all of MNIST."""
    card = json.loads((recording.ROOT / "book" / "gpu" / "h200.json").read_text("utf-8"))
    figures = {figure["what"]: figure for figure in card["figures"]}
    conditioning = figures["60,000 training and 10,000 test examples: conditioning"]
    assert "0.06 * RBF(lengthscale=5.4), noise=0.0001" in conditioning["note"]
    said = re.match(
        r"([\d,.]+) bits at ([\d.]+) of the mean loss ([\d.]+)",
        figures["... bits at 20 targets"]["note"],
    )
    assert said
    bits, share, loss = (float(number.replace(",", "")) for number in said.groups())
    return card, {
        "conditioning": conditioning["value"],
        "bits": bits,
        "share": share,
        "mean loss": loss,
    }


def cost(where: str, n: int, *, space: ib.GaussianSpace, client: Any = None) -> dict[str, Any]:
    """Processor seconds of conditioning, everywhere."""
    task = ib.tasks.load("mnist", n_train=n, n_test=500, balanced=False, full=True)
    before = processor_seconds(client)
    space.posterior(task)
    return {"where": where, "n": n, "m": 500, "seconds": processor_seconds(client) - before}


def processor_seconds(client: Any) -> float:
    """Of this process, and of the workers."""
    workers = client.run(time.process_time).values() if client else ()
    return time.process_time() + sum(workers)


if __name__ == "__main__":
    others = {"19_cost": costs, "19_all": everything}
    for name in sys.argv[1:] or [*RECORDS, *others]:
        if name in others:
            others[name]()
            continue
        recording.keep(
            name,
            RECORDS[name],
            draws(),
            of="4,000 training and 500 test digits of MNIST, dealt at random: the chapter's own, "
            "and others of the full set",
        )
