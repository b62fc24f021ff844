"""Make tests/golden/neural_tangents*.json: NNGP and NTK values from the neural-tangents package.

neural-tangents 0.6.5 needs old versions of jax and of others, so it runs in an environment of
its own, outside the repository:

    python3.11 -m venv /tmp/neural-tangents
    /tmp/neural-tangents/bin/pip install neural-tangents==0.6.5 jax==0.4.35 jaxlib==0.4.35 \
        tf2jax==0.3.6 "flax<0.10.3" "orbax-checkpoint<0.10" numpy==2.1.3 scipy==1.13.1
    /tmp/neural-tangents/bin/python scripts/make_neural_tangents_goldens.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import neural_tangents as nt  # noqa: E402  (after the precision is set)
import numpy as np  # noqa: E402

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
ARCHITECTURES = [  # depth, weight_variance, bias_variance
    (1, 2.0, 0.0),
    (1, 1.5, 0.3),
    (2, 2.0, 0.1),
    (3, 2.0, 0.0),
    (5, 1.8, 0.05),
    (10, 2.0, 0.02),
]
SHAPE = (2, 7, 6)  # channels, height, width
CONVOLUTIONAL = [  # kernel sizes, strides, padding, pooling, weight_variance, bias_variance
    ((3,), (1,), "same", False, 2.0, 0.0),
    ((3,), (1,), "same", True, 2.0, 0.1),
    ((3, 3, 3), (1, 1, 1), "same", False, 1.8, 0.05),
    ((3, 3, 3), (1, 1, 1), "same", True, 1.8, 0.05),
    ((3, 2), (2, 2), "same", False, 1.5, 0.3),
    ((3, 2), (2, 2), "same", True, 1.5, 0.3),
    ((4, 3, 1), (1, 2, 1), "valid", False, 2.0, 0.0),
    ((4, 3, 1), (1, 2, 1), "valid", True, 2.2, 0.2),
    ((5, 3), (1, 1), "circular", False, 2.0, 0.1),
    ((5, 3), (1, 1), "circular", True, 2.0, 0.0),
]


def main() -> None:
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(6, 4)), rng.normal(size=(5, 4))
    A[5] *= 30.0  # norms of different sizes
    write(
        "neural_tangents.json", A, B, [case(A, B, *architecture) for architecture in ARCHITECTURES]
    )
    A, B = rng.normal(size=(3, *SHAPE)), rng.normal(size=(2, *SHAPE))
    A[1] *= 30.0
    A[2, :, :, :4] = 0.0  # patches that are blank
    cases = [convolutional_case(A, B, *architecture) for architecture in CONVOLUTIONAL]
    write("neural_tangents_convolutional.json", A, B, cases)


def write(name: str, A, B, cases: list[dict]) -> None:
    packages = ("neural-tangents", "jax", "jaxlib", "numpy", "scipy")
    golden = {
        "made_by": "scripts/make_neural_tangents_goldens.py",
        "versions": {package: version(package) for package in packages},
        "A": A.tolist(),
        "B": B.tolist(),
        "cases": cases,
    }
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / name).write_text(json.dumps(golden, indent=1) + "\n")
    print(f"wrote {len(cases)} architectures to {name}")


def case(A, B, depth: int, weight_variance: float, bias_variance: float) -> dict:
    """Return both kernels over the rows of A and B, and over A with itself."""
    dense = nt.stax.Dense(1, W_std=weight_variance**0.5, b_std=bias_variance**0.5)
    hidden = [dense, nt.stax.Relu()] * depth
    _, _, kernel_fn = nt.stax.serial(*hidden, dense)
    return {
        "depth": depth,
        "weight_variance": weight_variance,
        "bias_variance": bias_variance,
        **values(kernel_fn, A, B),
    }


def convolutional_case(
    A,
    B,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: str,
    pooling: bool,
    weight_variance: float,
    bias_variance: float,
) -> dict:
    """The same over images (n, channels, height, width), which neural-tangents wants last."""
    scales = {"W_std": weight_variance**0.5, "b_std": bias_variance**0.5}
    layers = []
    for size, step in zip(kernel_size, stride, strict=True):
        layers += [
            nt.stax.Conv(1, (size, size), (step, step), padding.upper(), **scales),
            nt.stax.Relu(),
        ]
    mean = nt.stax.GlobalAvgPool() if pooling else nt.stax.Flatten()
    _, _, kernel_fn = nt.stax.serial(*layers, mean, nt.stax.Dense(1, **scales))
    A, B = (np.moveaxis(images, 1, 3) for images in (A, B))
    return {
        "shape": SHAPE,
        "depth": len(kernel_size),
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
        "pooling": pooling,
        "weight_variance": weight_variance,
        "bias_variance": bias_variance,
        **values(kernel_fn, A, B),
    }


def values(kernel_fn, A, B) -> dict:
    """Both kernels over A and B, and over A with itself."""
    cross, symmetric = kernel_fn(A, B, ("nngp", "ntk")), kernel_fn(A, None, ("nngp", "ntk"))
    return {
        "nngp": np.asarray(cross.nngp).tolist(),
        "ntk": np.asarray(cross.ntk).tolist(),
        "nngp_symmetric": np.asarray(symmetric.nngp).tolist(),
        "ntk_symmetric": np.asarray(symmetric.ntk).tolist(),
    }


if __name__ == "__main__":
    main()
