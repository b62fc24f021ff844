"""The book's figures: a twin for the dark theme, pictures as they are, numbers by chapter."""

import base64
import importlib.util
import io
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib.colors import rgb_to_hsv
from PIL import Image

from ibhelpers.plots import COLOURS

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGE = np.array([18, 18, 18]) / 255  # the ground of the dark theme

spec = importlib.util.spec_from_file_location(
    "course_figures", ROOT / "book" / "_ext" / "course_figures.py"
)
course_figures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(course_figures)

# Panels with pictures, and their colour bars, counted by eye.
PICTURES = {"03": [16], "07": [3], "13": [16, 6], "17": [6], "18": [24, 24]}


def on_page(rgb) -> np.ndarray:
    """What a colour on white becomes on the dark page."""
    *colour, alpha = course_figures.turned(np.array([rgb], float))[0]
    return alpha * np.array(colour) + (1 - alpha) * PAGE


def contrast(one, other) -> float:
    """The contrast of two colours by the Web Content Accessibility Guidelines."""

    def luminance(rgb):
        rgb = np.asarray(rgb, float)
        linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_white_is_nothing_and_black_nearly_white():
    assert course_figures.turned(np.ones((1, 3)))[0, 3] == pytest.approx(0, abs=1e-3)
    assert contrast(on_page([0, 0, 0]), PAGE) > 12
    greys = [on_page([grey] * 3).mean() for grey in np.linspace(0, 1, 50)]
    assert np.all(np.diff(greys) < 0)  # darker on white is lighter on black, without a jump


@pytest.mark.parametrize("colour", COLOURS[:7] + COLOURS[8:])
def test_colours_keep_their_hue_and_are_easy_to_see(colour):
    shown = on_page(colour)
    turn = abs(rgb_to_hsv(shown)[0] - rgb_to_hsv(colour)[0])
    assert min(turn, 1 - turn) < 30 / 360
    assert contrast(shown, PAGE) > 3


def pictures_in(path: Path) -> list[np.ndarray]:
    """The figures of a notebook that show pictures."""
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"))
        for cell in nbformat.read(path, as_version=4).cells
        if "imshow(" in cell.source
        for output in cell.get("outputs", [])
        if (png := output.get("data", {}).get("image/png"))
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_panel_with_a_picture_is_found(path):
    found = [len(course_figures.frames(image)) for image in pictures_in(path)]
    assert found == PICTURES.get(path.name[:2], [])


def test_pictures_stay_and_what_is_around_them_is_turned():
    (light,) = pictures_in(ROOT / "notebooks" / "03_the_law_of_the_loss.ipynb")
    dark = np.asarray(course_figures.twin(Image.fromarray(light), has_pictures=True))
    inside = np.zeros(light.shape[:2], bool)
    for top, bottom, left, right in course_figures.frames(light):
        inside[top + 1 : bottom, left + 1 : right] = True
    assert 0.3 < inside.mean() < 0.9
    assert (dark[inside, :3] == light[inside]).all() and (dark[inside, 3] == 255).all()
    assert (dark[~inside & (light == 255).all(axis=2), 3] == 0).all()


def test_every_figure_is_there_for_both_themes_and_numbered_by_chapter(html):
    for path in NOTEBOOKS:
        page = (html / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        page = BeautifulSoup(page, "html.parser").find("article")
        light, dark = page.select("img.figure-light"), page.select("img.figure-dark")
        assert light and [image["alt"] for image in light] == [image["alt"] for image in dark]
        assert len(light) == len(page.select(".cell_output img")) - len(dark)
        for one, other in zip(light, dark, strict=True):
            with (
                Image.open(html / "notebooks" / one["src"]) as first,
                Image.open(html / "notebooks" / other["src"]) as second,
            ):
                assert first.size == second.size and second.getpixel((0, 0))[3] == 0
        numbers = [number.text.strip() for number in page.select("figcaption .caption-number")]
        assert numbers == [f"Figure {path.name[:2]}.{i + 1}" for i in range(len(light))]


def test_a_chapter_has_one_name_in_title_contents_and_links(html):
    for path in NOTEBOOKS:
        first = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0]
        name = f"{path.name[:2]} {first.removeprefix('# ')}"
        page = (html / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        page = BeautifulSoup(page, "html.parser")
        assert page.h1.text.rstrip("#").strip() == name
        assert re.split(" — ", page.title.text)[0] == name
        (entry,) = page.select(".bd-sidebar-primary li.current.active > a.current")
        assert entry.text.strip() == name
