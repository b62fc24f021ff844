"""How a good student answers the assignments: as the notebooks' solutions do, from numbers alone.

None of it uses a check. `script(assignment, secret, student)` is a whole submission.
"""

import numpy as np

SOLUTIONS = {
    "00.1": "{answer} = np.log2({hypotheses})",
    "01.2": """
from math import comb
{answer} = {settings} - np.log2(sum(comb({settings}, k) for k in range({mistakes} + 1)))
""",
    "01.4": """
from itertools import product
settings = np.array(list(product([0, 1], repeat=4)))
truth = (settings.sum(axis=1) >= 2).astype(int)
every = np.array(list(product([0, 1], repeat=16)))
symmetric = np.array(list(product([0, 1], repeat=5)))[:, settings.sum(axis=1)]
weights, right = [], []
for rules, share in ((symmetric, {weight}), (every, 1 - {weight})):
    fit = rules[(rules[:, {seen}] == truth[{seen}]).all(axis=1)]
    weights.append(np.full(len(fit), share / len(rules)))
    right.append((fit == truth).all(axis=1))
weights, right = np.concatenate(weights), np.concatenate(right)
{answer} = -np.log2(weights[right].sum() / weights.sum())
""",
    "01.5": """
grid = np.arange(-3, 3.01, 0.25)
a = np.stack(np.meshgrid(grid, grid, grid, grid), -1).reshape(-1, 4)
for x in (-0.8, 0.5, -0.2):
    a = a[abs(a @ x ** np.arange(4) - np.sin({frequency} * x)) <= 0.2]
x = np.linspace(-1, 1, 40)
losses = np.sort(((a @ x ** np.arange(4)[:, None] - np.sin({frequency} * x)) ** 2).mean(1))
{answer} = losses[int(np.ceil(len(losses) / 2 ** {bits})) - 1]
""",
    "02.1": "{answer} = np.sum(({x} * {y}) ** np.arange(4))",
    "02.2": "{answer} = np.sqrt(1 - np.exp(-{lengthscales} ** 2))",
    "02.3": """
def matern(a, b):
    r = np.sqrt(3) * abs(a[:, None] - b) / {lengthscale}
    return (1 + r) * np.exp(-r)
seen, there = np.array([-0.8, 0.5, -0.2, 0.9, 0.15]), np.array({inputs})
{answer} = (matern(there, seen) @ np.linalg.solve(matern(seen, seen), np.sin(3 * seen)))[:, None]
""",
    "03.1": "{answer} = np.linalg.eigvalsh([[1, {correlation}], [{correlation}, 1]]) / 2",
    "03.2": """
from scipy.stats import norm
def direction_bits(R):
    s, r = np.sqrt({variance}), np.sqrt({target})
    return -np.log2(norm.cdf((r - R) / s) - norm.cdf((-r - R) / s))
{answer} = direction_bits({error}) - direction_bits(0.0)
""",
    "03.5": """
X = np.array([[0.0], [1.0], [2.5], [6.0]]); test = np.array([[4.0], [4.6]])
post = ib.GaussianSpace(ib.kernels.RBF(1.0)).posterior(ib.Task(X, np.sin(X), test, np.sin(test)))
root = np.sqrt([{share}, 1 - {share}])
V, U = np.linalg.eigh(root[:, None] * post.covariance.numpy() * root)
g = U.T @ (root * (post.mean.numpy() - np.sin(test))[:, 0])
{answer} = ib.inductive_bias(ib.laws.GeneralizedChi2(V, 1, g ** 2 / V), {target}).bits
""",
    "04.4": """
law = ib.laws.GeneralizedChi2(weights={weights}, df={df}, nc={nc})
h = 1e-4
slope = (law.logcdf({target} * (1 + h)) - law.logcdf({target} * (1 - h))) / (2 * h * {target})
{answer} = np.log(2) / slope
""",
    "05.1": "{answer} = 2 * {mean} ** 2 / {variance}",
    "05.2": "{answer} = 6 * 4 / (0.25 * {rho_squared})",
    "05.3": """
def {answer}(mean, variance, share):
    g = 2 * (1 + share) * mean ** 2 / variance
    return np.array([(1 - share) * g, share * g, mean / g])
""",
    "06.2": "{answer} = -np.log2(1 - 0.025 ** (1 / {draws}))",
    "06.4": """
from scipy import stats
def {answer}(hits, draws):
    return 0.0 if hits == draws else -np.log2(stats.beta.ppf(0.975, hits + 1, draws - hits))
""",
    "10.1": """
def {answer}(W, X, Y):
    return ((X @ W - Y) ** 2).mean(axis=(1, 2))
""",
    "10.2": """
def {answer}(train_loss, test_loss, limit):
    return np.median(test_loss[(train_loss <= limit) & np.isfinite(test_loss)])
""",
    "10.3": "{answer} = int(np.ceil(np.log(0.025) / np.log(1 - 2.0 ** -{bits})))",
    "12.1": """
from scipy.stats import binom
{answer} = -np.log2(binom.cdf({errors}, {digits}, {rate}))
""",
    "12.2": """
def {answer}(losses, tau, log_z, target):
    terms = np.exp(tau * (np.minimum(losses, target) - target))
    return log_z + tau * target + np.log(np.where(losses <= target, terms, 0.0).mean())
""",
    "12.3": "{answer} = -np.log2(np.mean([*(2.0 ** -np.array({bits})), 0.0]))",
    "12.4": "{answer} = 1 / np.log({rivals} / (2 ** {bits} - 1))",
}


def solution(question, numbers):
    """The code that answers a question at these numbers."""
    code = SOLUTIONS[question.like].replace("{answer}", question.answer)
    for name, value in numbers.items():
        code = code.replace("{" + name + "}", repr(value))
    return code


def script(assignment, secret, student, without=()):
    """A submission that answers everything but some questions."""
    pieces = ["import numpy as np\nimport ibhelpers as ib"]
    for question in assignment.questions:
        if question.name not in without:
            pieces.append(solution(question, question.numbers(secret, student)))
    return "\n\n".join(pieces)


def answers(assignment, secret, student):
    """The answers of that submission, run here."""
    space: dict = {}
    with np.errstate(all="ignore"):
        exec(script(assignment, secret, student), space)
    return space
