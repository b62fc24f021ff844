"""Training as anyone would write it, one network after another: what the tests of networks compare.

It shares no code with the package: it starts from the documented streams of
SeedSequence(seed, spawn_key=(i, 0 or 1)) and uses torch.optim, autograd and torch's own losses.
"""

import math

import numpy as np
import torch
from torch import nn

OPTIMIZERS = {
    "sgd": lambda p, lr, wd: torch.optim.SGD(p, lr, weight_decay=wd),
    "momentum": lambda p, lr, wd: torch.optim.SGD(p, lr, weight_decay=wd, momentum=0.9),
    "nesterov": lambda p, lr, wd: torch.optim.SGD(
        p, lr, weight_decay=wd, momentum=0.9, nesterov=True
    ),
    "adam": lambda p, lr, wd: torch.optim.Adam(p, lr, weight_decay=wd),
    "adamw": lambda p, lr, wd: torch.optim.AdamW(p, lr, weight_decay=wd),
    "rmsprop": lambda p, lr, wd: torch.optim.RMSprop(p, lr, weight_decay=wd),
}


def initial(architecture, task, i, seed=0, dtype=torch.float64):
    """Network i as it is before training."""
    state = np.random.SeedSequence(seed, spawn_key=(i, 0)).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))
    return architecture(task).to(dtype)


def plain_loop(
    architecture,
    task,
    i,
    *,
    optimizer="adam",
    lr=0.01,
    epochs=3,
    batch_size=5,
    loss=nn.functional.mse_loss,
    weight_decay=0.0,
    factor=lambda progress: 1.0,
    stop_at=-1.0,
    seed=0,
    dtype=torch.float64,
):
    """Train one network in the plain way; return it and its training losses after each epoch."""
    net = initial(architecture, task, i, seed, dtype)
    X, y = torch.tensor(task.X_train, dtype=dtype), torch.tensor(task.y_train, dtype=dtype)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i, 1)))
    parameters = [p for p in net.parameters() if p.requires_grad]
    opt = OPTIMIZERS[optimizer](parameters, lr, weight_decay)
    steps, step, curve = epochs * math.ceil(len(X) / batch_size), 0, []
    for _ in range(epochs):
        order = rng.permutation(len(X)) if batch_size < len(X) else np.arange(len(X))
        for start in range(0, len(X), batch_size):
            chosen = order[start : start + batch_size]
            opt.param_groups[0]["lr"] = lr * factor(step / steps)
            opt.zero_grad()
            loss(net(X[chosen]), y[chosen]).backward()
            opt.step()
            step += 1
        with torch.no_grad():
            curve.append(loss(net(X), y).item())
        if curve[-1] <= stop_at:
            break
    return net, curve
