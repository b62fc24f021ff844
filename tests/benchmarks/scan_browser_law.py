"""How far the law of the book's page is from the package's, over thousands of random laws.

    python tests/benchmarks/scan_browser_law.py [LAWS] [SEED]

Each law has 1 to 300 terms of up to twelve orders of magnitude, few or many degrees of freedom,
small or huge noncentralities, with a floor or without; its targets lie deep below the mean, around
it, and above. Printed are the worst relative error of the bits (of 0.2 nats where there are less)
by kind of target, how many were refused by either side, and how often the page's own error was
exceeded.
"""

import sys
from collections import Counter, defaultdict

import numpy as np

import ibhelpers as ib
from tests.node import bits_in_node


def random_law(rng) -> dict:
    """Parameters as the page takes them."""
    n = int(rng.integers(1, 301)) if rng.random() < 0.3 else int(rng.integers(1, 12))
    weights = 10 ** rng.uniform(-rng.choice([0.1, 2, 6, 12]), 0, n) * 10 ** rng.uniform(-8, 8)
    df = 10 ** rng.uniform(-1, 4, n) if rng.random() < 0.3 else rng.integers(1, 12, n)
    nc = np.where(rng.random(n) < rng.random(), 0, 10 ** rng.uniform(-3, rng.choice([2, 4, 6]), n))
    mean = float((weights * (df + nc)).sum())
    floor = float(rng.choice([0, mean * 10 ** rng.uniform(-4, 2)]))
    return dict(weights=weights.tolist(), df=df.tolist(), nc=nc.tolist(), floor=floor)


def targets(law, rng) -> dict[str, float]:
    """A deep one, one of moderate depth, one around the mean, one above."""
    above, sd = law.mean() - law.offset, law.variance() ** 0.5
    return {
        "deep": law.offset + above * 10 ** rng.uniform(-8, -1),
        "left": law.offset + above * rng.uniform(0.05, 0.95),
        "mean": max(law.mean() + sd * rng.normal(), law.offset + 0.01 * above),
        "right": law.mean() + sd * rng.uniform(1, 30),
    }


def main(laws: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cases, kinds, exact, refused = [], [], [], Counter()
    for _ in range(laws):
        parameters = random_law(rng)
        law = ib.laws.GeneralizedChi2(*(parameters[a] for a in ("weights", "df", "nc", "floor")))
        for kind, target in targets(law, rng).items():
            try:
                exact.append(-law.logcdf(target) / np.log(2))
            except ib.laws.TailIntegralError:
                refused["package"] += 1
                continue
            kinds.append(kind)
            cases.append(parameters | {"target": target})
    worst, deepest, exceeded = defaultdict(float), 0.0, 0
    for kind, case, true, found in zip(kinds, cases, exact, bits_in_node(cases), strict=True):
        if "fault" in found:
            refused["page"] += 1
            print("refused", found["fault"][:200], {k: v for k, v in case.items() if k == "target"})
            continue
        error = abs(found["bits"] - true)
        share = error / max(true, 0.2 / np.log(2))
        worst[kind] = max(worst[kind], share)
        deepest = max(deepest, true)
        exceeded += error > found["error"] + 1e-12 * max(true, 0.2 / np.log(2))
        if share > 1e-10:
            print(f"{share:.1e}", kind, true, found, len(case["weights"]))
    print(f"{laws:,} laws, {len(cases):,} targets, up to {deepest:.3g} bits; worst, by target:")
    print({kind: f"{share:.1e}" for kind, share in worst.items()})
    print(f"refused: {dict(refused)}; beyond both promises: {exceeded}")


if __name__ == "__main__":
    given = [int(a) for a in sys.argv[1:]]
    main(*(given + [3000, 0][len(given) :]))
