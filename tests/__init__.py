"""Tests, and the check of annotated shapes and types that pyproject.toml has pytest make."""


def check(function, *arguments, **options):
    """Check a function's arguments and result; a whole number is a float, as in the language.

    The package imports some modules inside functions alone; their names stand in its annotations.
    """
    import pandas as pd
    from beartype import BeartypeConf, beartype  # here, because the benchmarks do without it
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

    for name, value in {"pd": pd, "Axes": Axes, "Figure": Figure, "Image": Image}.items():
        function.__globals__.setdefault(name, value)
    return beartype(function, *arguments, conf=BeartypeConf(is_pep484_tower=True), **options)
