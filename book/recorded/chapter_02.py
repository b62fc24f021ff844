"""Ten draws of the question of chapter 02: what is it worth to choose the space, not average?"""

from recording import first_and_others, keep

import ibhelpers as ib


# fmt: off
def chosen_and_averaged(task):
    space = ib.GaussianSpace.fit(task)
    found = ib.bias.averaged_bias(space, task, 0.01)
    return {
        "chosen": found.chosen,
        "averaged": found.bits,
        "spaces, low": found.low,
        "spaces, high": found.high,
    }
# fmt: on


if __name__ == "__main__":
    first = ib.tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
    pool = ib.tasks.load("mnist", n_train=60_000, n_test=1, balanced=False, full=True)
    tasks = first_and_others(first, pool, 10, balanced=False)
    keep(
        "02_averaged",
        chosen_and_averaged,
        tasks,
        of="ten disjoint draws of 1,000 training and 500 test digits of MNIST, at random",
    )
