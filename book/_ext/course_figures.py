"""Figures for both themes, and their numbers.

A figure is drawn once, dark on white, and kept in its notebook as it is. The book shows it in the
light theme; for the dark theme it makes a twin here, in which white becomes nothing and black
nearly white, while every hue stays what it is. Pictures inside a figure (digits, photographs and
their colour bars) are not turned: what is dark in them stays dark.
"""

from pathlib import Path

import numpy as np
from docutils import nodes
from PIL import Image

GROUND = 0.2  # lightness in Oklab of the dark theme's page, which white becomes
INK = 0.92  # and of what black becomes
STRETCH = 0.8  # greys between stand out from the ground as on white: the eye needs more there
LIFT = 1.5  # how much lighter a colour becomes by its chroma: hues stay as easy to see as on white

# Björn Ottosson's Oklab (2020), in which lightness and chroma are what the eye takes them for.
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Lightness and two coordinates of hue and chroma, of sRGB between 0 and 1."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ TO_LMS.T) @ TO_LAB.T


def srgb(lab: np.ndarray) -> np.ndarray:
    """The inverse; colours that a screen cannot show are cut at its limits."""
    linear = (lab @ np.linalg.inv(TO_LAB).T) ** 3 @ np.linalg.inv(TO_LMS).T
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def turned(rgb: np.ndarray) -> np.ndarray:
    """Colours for a dark ground, (n, 4) with how opaque they are, of colours on white, (n, 3)."""
    lab = oklab(rgb)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    grey = (INK - GROUND) * (1 - lab[:, 0]).clip(0) ** STRETCH
    lab[:, 0] = (GROUND + grey + LIFT * chroma).clip(0, 0.95)
    dark, ground = srgb(lab), srgb(np.array([GROUND, 0.0, 0.0]))
    # As transparent as it can be: over the ground it is the colour that is wanted.
    off = dark - ground
    alpha = np.where(off > 0, off / (1 - ground), -off / ground).max(axis=1, keepdims=True)
    colour = ground + off / np.maximum(alpha, 1e-9)
    return np.hstack([colour, alpha]).clip(0, 1)


def twin(image: Image.Image, has_pictures: bool) -> Image.Image:
    """The figure for a dark page; its pictures stay as they are."""
    white = Image.new("RGBA", image.size, "white")  # behind a figure without a ground of its own
    light = np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB"))
    packed = light @ np.array([1, 256, 65536])  # a colour as one number: they are sorted faster
    packed, which = np.unique(packed, return_inverse=True)
    colours = packed[:, None] // np.array([1, 256, 65536]) % 256
    dark = np.rint(255 * turned(colours / 255)).astype(np.uint8)[which.reshape(light.shape[:2])]
    for top, bottom, left, right in frames(light) if has_pictures else ():
        inside = np.s_[top + 1 : bottom, left + 1 : right]
        dark[inside] = 255
        dark[inside][..., :3] = light[inside]
    return Image.fromarray(dark)


def frames(rgb: np.ndarray) -> list[tuple[int, int, int, int]]:
    """The frames (top, bottom, left, right) of panels that have no ticks at the left or below.

    Such panels hold pictures or are colour bars, whose ticks are at the right.
    """
    black = rgb.max(axis=2) < 40
    sides: dict[tuple[int, int], list[int]] = {}  # from the ends of a vertical line to its columns
    for column in np.flatnonzero(black.sum(axis=0) >= 20):
        ends = np.flatnonzero(np.diff(black[:, column].astype(int), prepend=0, append=0))
        for top, end in ends.reshape(-1, 2):
            if end - top >= 20:
                sides.setdefault((int(top), int(end) - 1), []).append(int(column))
    found = []
    for (top, bottom), columns in sides.items():
        while columns:
            left = columns[0]
            joined = [right for right in columns if black[[top, bottom], left:right].all()]
            right = joined[-1]
            ticks = black[top:bottom, left - 3].any() or black[bottom + 3, left:right].any()
            if right - left >= 6 and not ticks:
                found.append((top, bottom, left, right))
            columns = columns[len(joined) :]
    return found


def add_twins(app, doctree, docname):
    """Put the twin behind every figure of a notebook."""
    made = Path(app.outdir).parent / "jupyter_execute"
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir, image["uri"]).resolve()
        if path.parent != made.resolve() or path.suffix != ".png" or not path.exists():
            continue
        dark = path.with_name(f"{path.stem}-dark.png")
        if not dark.exists():
            twin(Image.open(path), has_pictures(image)).save(dark, optimize=True)
        other = image.deepcopy()
        uri = Path(image["uri"]).with_name(dark.name).as_posix()
        other["uri"], other["candidates"] = uri, {"*": uri}
        app.env.images.add_file(docname, uri)
        image["classes"].append("figure-light")
        other["classes"] += ["figure-dark", "dark-light"]  # the theme leaves the latter alone
        image.parent.insert(image.parent.index(image) + 1, other)


def has_pictures(image: nodes.image) -> bool:
    """Whether the cell that drew a figure shows pictures in it."""
    cell = image
    while cell is not None and "cell" not in cell.get("classes", []):
        cell = cell.parent
    return cell is not None and "imshow(" in cell.astext()


def number_by_chapter(app, env):
    """Number the figures of a chapter within it: Figure 03.2 is the second one of chapter 03."""
    for docname, numbers in env.toc_fignumbers.items():
        if docname.startswith("notebooks/"):
            chapter = Path(docname).name[:2]
            figures = numbers.get("figure", {})
            figures.update({name: (chapter, i) for i, name in enumerate(figures, start=1)})
    return []


def setup(app):
    app.connect("doctree-resolved", add_twins)
    app.connect("env-get-updated", number_by_chapter, priority=900)  # after Sphinx's own numbers
    return {"parallel_read_safe": True, "parallel_write_safe": True}
