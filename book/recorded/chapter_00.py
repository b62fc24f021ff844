"""Ten draws of the question of chapter 00: which space, and how many bits, for 1,000 digits."""

import numpy as np
from recording import first_and_others, keep

import ibhelpers as ib


# fmt: off
def bits_of_task(task):
    kinds = {
        "RBF": ib.GaussianSpace.fit(task),
        "Matérn 1/2": ib.GaussianSpace.fit(
            task, ib.kernels.Matern(lengthscale=30.0, nu=0.5)
        ),
        "linear": ib.GaussianSpace.fit(task, ib.kernels.Linear),
        "RBF, amplitude 1": ib.GaussianSpace(ib.kernels.RBF(5.0)),
    }
    found = {}
    for kind, space in kinds.items():
        law = space.loss_law(task)
        evidence = space.log_marginal_likelihood(task)
        found[f"{kind}: evidence"] = evidence / np.log(10)
        found[f"{kind}: loss"] = law.mean()
        scatter = (law.weights * law.df).sum()
        found[f"{kind}: scatter"] = scatter / law.mean()
        found[f"{kind}: bits"] = ib.inductive_bias(law, 0.01).bits
    return found
# fmt: on


if __name__ == "__main__":
    first = ib.tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
    pool = ib.tasks.load("mnist", n_train=60_000, n_test=1, balanced=False, full=True)
    tasks = first_and_others(first, pool, 10, balanced=False)
    keep(
        "digits",
        bits_of_task,
        tasks,
        of="ten disjoint draws of 1,000 training and 500 test digits of MNIST, at random",
    )
