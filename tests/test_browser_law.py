"""The law of the loss in the reader's browser: the same bits as exact arithmetic and the package.

What Node computes is held against 20 digits from another program, against ball arithmetic and
closed forms; what Chromium computes, too, and there the page's form is used as a reader would.
"""

import json
import math
import re
from pathlib import Path

import make_spectra
import mpmath
import pytest

import ibhelpers as ib
from tests.browser import BROWSER
from tests.node import ANSWERS, LAW, NODE, bits_in_node, with_infinity
from tests.oracles import log_tail_in_balls

TESTS = Path(__file__).parent
GOLDEN = json.loads((TESTS / "golden" / "generalized_chi2_logcdf.json").read_text())
SPECTRA = {path.stem: json.loads(path.read_text()) for path in make_spectra.FOLDER.glob("*.json")}
CASES = [dict(weights=g["w"], df=g["k"], nc=g["lam"], floor=0, target=g["x"]) for g in GOLDEN]

needs_node = pytest.mark.skipif(NODE is None, reason="no Node found, nor Playwright's own")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome found")


def true_bits(g) -> mpmath.mpf:
    with mpmath.workdps(30):
        return -mpmath.mpf(g["logcdf"]) / mpmath.log(2)


def bits_of_package(given: dict) -> float:
    parameters = (given[name] for name in ("weights", "df", "nc", "floor"))
    return -ib.laws.GeneralizedChi2(*parameters).logcdf(given["target"]) / math.log(2)


# --- in Node ------------------------------------------------------------------------------------


@needs_node
def test_node_has_the_bits_of_exact_arithmetic():
    found = bits_in_node(CASES)
    assert max(a["bits"] for a in found) > 1e6  # however deep
    for a, g in zip(found, GOLDEN, strict=True):
        assert abs(a["bits"] / true_bits(g) - 1) < 1e-10
        assert abs(a["bits"] - true_bits(g)) <= a["error"]


@needs_node
@pytest.mark.parametrize("upper", [False, True])
def test_node_has_the_bits_of_ball_arithmetic_on_both_sides_of_the_mean(upper):
    w, k, delta = [0.1, 0.5, 1.0, 1.7], [1.0, 0.5, 3.0, 2.0], [4.0, 0.0, 1.0, 30.0]
    cases = []  # the mean is 59.15
    for x in (59.2, 80, 160) if upper else (0.5, 20, 50, 59.1):
        cases.append(dict(weights=w, df=k, nc=delta, floor=0, target=x))
    for a in bits_in_node(cases):
        x = cases.pop(0)["target"]
        log_p = float(log_tail_in_balls(w, k, delta, x, upper=upper))
        true = -math.log1p(-math.exp(log_p)) if upper else -log_p
        assert a["upper"] == upper
        assert a["bits"] == pytest.approx(true / math.log(2), rel=1e-10)


@needs_node
@pytest.mark.parametrize("name", make_spectra.OFFERED)
def test_node_has_the_bits_of_the_package_for_every_task_of_the_page(name):
    law = SPECTRA[name]
    whole = ib.laws.GeneralizedChi2(*(law[a] for a in ("weights", "df", "nc", "floor")))
    shares = [1e-4, 0.01, 0.3, 0.9, 1.0, 1.02]
    targets = [law["target"], *(law["floor"] + s * (whole.mean() - law["floor"]) for s in shares)]
    cases = [law | {"target": target} for target in targets]
    for given, a in zip(cases, bits_in_node(cases), strict=True):
        assert a["bits"] == pytest.approx(bits_of_package(given), rel=1e-10)


@needs_node
def test_two_degrees_of_freedom_are_exponential_as_far_as_there_are_bits():
    targets = [1e-200, 1e-9, 0.3, 1.0, 5.0, 80.0, 600.0]
    cases = [dict(weights=[0.5], df=2, nc=0, floor=0, target=x) for x in targets]
    for x, a in zip(targets, bits_in_node(cases), strict=True):
        with mpmath.workdps(400):
            true = -mpmath.log(-mpmath.expm1(-mpmath.mpf(x)), 2)
        assert abs(a["bits"] / true - 1) < 1e-10


@needs_node
def test_no_digit_is_lost_next_to_a_floor():
    near = dict(weights=[1e-9, 3e-9], df=5, nc=[2.0, 0.0], floor=1.0)
    apart = near | {"floor": 0}
    for x in (2.0**-40, 2.0**-30, 2.0**-28):
        one, other = bits_in_node([near | {"target": 1 + x}, apart | {"target": x}])
        assert one["bits"] == pytest.approx(other["bits"], rel=1e-13)


@needs_node
def test_at_and_below_the_floor_it_takes_infinitely_many_and_far_above_none():
    law = SPECTRA["toy"]
    floor = law["floor"]
    targets = [floor, floor - 1e-9, -1.0, 1e70]
    found = bits_in_node([law | {"target": x} for x in targets])
    assert [a["bits"] for a in found] == [math.inf, math.inf, math.inf, 0.0]
    just_above = bits_in_node([law | {"target": math.nextafter(floor, 1)}])[0]
    assert 100 < just_above["bits"] < math.inf


GOOD = dict(weights=[1.0, 2.0], df=2, nc=[0.0, 1.0], floor=0.0, target=1.0)
BAD = [
    ("weights", [1.0, 0.0], "found 0 at position 2"),
    ("weights", [1.0, -1.0], "found -1 at position 2"),
    ("weights", [], "found nothing"),
    ("weights", [1e305, 1e300], "between 1e-300 and 1e300"),
    ("df", [1.0, 2.0, 3.0], "found 3 numbers for 2 weights"),
    ("df", 0, "found 0;"),
    ("df", [1.0, None], "at position 2"),
    ("nc", [-1.0, 0.0], "found -1 at position 1"),
    ("nc", 1e308, "beyond double precision"),
    ("floor", None, "found null"),
    ("target", None, "found null"),
    ("target", 1e-300, "hardly tell from the floor"),
]


@needs_node
@pytest.mark.parametrize(("field", "value", "said"), BAD)
def test_what_makes_no_law_is_refused_and_the_field_named(field, value, said):
    (found,) = bits_in_node([GOOD | {field: value}])
    assert found["kind"] == "InputError" and "bits" not in found
    assert found["field"] == ("weights" if value == [] else field)
    assert said in found["fault"]


@needs_node
def test_the_same_laws_without_the_fault_are_answered():
    assert bits_in_node([GOOD])[0]["bits"] == pytest.approx(bits_of_package(GOOD), rel=1e-10)


@needs_node
def test_no_number_without_its_digits():
    """Next to no degrees of freedom: a number in doubt is refused, any other is right."""
    cases = [
        GOOD | {"weights": [1.0, 1e6], "df": [k, k / 10], "nc": [0.0, nc], "target": x}
        for k in (1e-16, 1e-12, 1e-6, 1e-3, 1e-2)
        for nc in (0.0, 1e-3, 10.0)
        for x in (1e-30, 1e-3, 1.0, 30.0, 1e5)
    ]
    found = bits_in_node(cases)
    assert any(a.get("kind") == "DoubtError" for a in found)
    for given, a in zip(cases, found, strict=True):
        if "bits" in a:
            true = bits_of_package(given)
            assert abs(a["bits"] - true) <= 1e-11 * max(true, 0.2 / math.log(2))


# --- the tasks to pick --------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:the search ended on a bound")  # the pendulum's noise
@pytest.mark.parametrize("name", make_spectra.OFFERED)
def test_the_kept_spectra_are_those_of_the_package(name):
    kept, made = SPECTRA[name], make_spectra.spectrum(name)
    for what in ("name", "title", "about", "code", "target", "df"):
        assert kept[what] == made[what]
    # The last digits of eigenvalues are the machine's; the bits are not.
    assert bits_of_package(kept) == pytest.approx(bits_of_package(made), rel=1e-4)


def test_the_page_offers_every_spectrum_that_is_kept():
    assert set(SPECTRA) == set(make_spectra.OFFERED)


# --- in Chromium --------------------------------------------------------------------------------


@needs_browser
def test_chromium_has_the_bits_of_exact_arithmetic(browser):
    page = browser.new_page()
    page.add_script_tag(path=LAW)
    found = with_infinity(page.evaluate(ANSWERS, CASES))
    for a, g in zip(found, GOLDEN, strict=True):
        assert abs(a["bits"] / true_bits(g) - 1) < 1e-10
    page.close()


@pytest.fixture
def page(browser, html):
    opened = browser.new_page(viewport={"width": 1280, "height": 1600})
    faults = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto((html / "book" / "exact_law.html").as_uri())
    yield opened
    opened.close()
    assert not faults


def shown_bits(page) -> float:
    """All the digits that the page vouches for."""
    found = re.search(r"digits: ([\d,.]+)(?: × 10(\S+))? bits", page.inner_text("#law-certainty"))
    power = (found[2] or "").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(found[1].replace(",", "")) * 10.0 ** int(power or 0)


@needs_browser
def test_the_page_shows_the_bits_of_every_task(page):
    assert page.inner_text("#law-bits") == "2,170.0 bits"  # the course's example greets the reader
    for name, law in SPECTRA.items():
        page.select_option("#law-task", name)
        assert shown_bits(page) == pytest.approx(bits_of_package(law), rel=1e-10)
        assert law["code"] == page.text_content("#law-code")
        page.fill("#law-target", str(2 * law["target"]))
        doubled = law | {"target": 2 * law["target"]}
        assert shown_bits(page) == pytest.approx(bits_of_package(doubled), rel=1e-10)


@needs_browser
def test_the_point_moves_by_keyboard_and_by_mouse(page):
    page.select_option("#law-task", "toy")
    before = page.get_attribute(".law-point", "cx")
    page.focus("#law-slider")
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert float(page.get_attribute(".law-point", "cx")) > float(before)
    spoken = page.get_attribute("#law-slider", "aria-valuetext")
    target = page.input_value("#law-target")
    assert target in spoken and page.inner_text("#law-bits") in spoken
    given = SPECTRA["toy"] | {"target": float(target)}
    assert shown_bits(page) == pytest.approx(bits_of_package(given), rel=1e-10)

    box = page.locator("#law-figure").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 100)
    page.mouse.up()
    assert float(page.get_attribute(".law-point", "cx")) == pytest.approx(400, abs=2)
    page.mouse.move(box["x"] + 100, box["y"] + 100)  # let go: it stays
    assert float(page.get_attribute(".law-point", "cx")) == pytest.approx(400, abs=2)


@needs_browser
def test_numbers_of_a_readers_own(page):
    page.select_option("#law-task", "own")  # opens the fields
    for name, text in (("weights", "0.2 0.1\n5e-2"), ("df", "3"), ("nc", "[1, 0; 2]")):
        page.fill(f"#law-{name}", text)
    page.fill("#law-floor", "−0.5")
    page.fill("#law-target", "0")
    given = dict(weights=[0.2, 0.1, 0.05], df=3, nc=[1, 0, 2], floor=-0.5, target=0.0)
    assert shown_bits(page) == pytest.approx(bits_of_package(given), rel=1e-10)
    page.fill("#law-target", "-0.5")
    assert page.inner_text("#law-bits") == "∞ bits"


REFUSED = [
    ("weights", "0.2 x", "Weights: “x” at position 2 is not a number"),
    ("weights", "", "Weights: found nothing"),
    ("weights", "0,2", "Weights: “0,2” can be read as one number or as several"),
    ("weights", "1,000.5", "Weights: “1,000.5” can be read as one number or as several"),
    ("df", "1 2", "Degrees of freedom: found 2 numbers for 3 weights"),
    ("df", "0x10", "Degrees of freedom: “0x10” at position 1 is not a number"),
    ("nc", "1 2 -3", "Noncentralities: found -3 at position 3"),
    ("nc", "1 2 1e-999", "Noncentralities: “1e-999” at position 3 is beyond double precision"),
    ("floor", "", "Floor: found nothing"),
    ("target", "0,05", "Target: “0,05” is not a number"),
    ("target", "Infinity", "Target: “Infinity” is not a number"),
]


@needs_browser
def test_bad_input_gets_words_that_name_the_field_and_no_number(page):
    page.select_option("#law-task", "toy")
    page.click("#law-numbers summary")
    for field, text, said in REFUSED:
        kept = page.input_value(f"#law-{field}")
        page.fill(f"#law-{field}", text)
        assert said in page.inner_text("#law-fault")
        assert page.inner_text("#law-bits") == "no answer"
        assert page.inner_text("#law-certainty") == page.inner_text("#law-rarity") == ""
        assert page.locator(".law-point").count() == 0
        invalid = page.locator("[aria-invalid]")
        assert invalid.count() == 1 and invalid.get_attribute("id") == f"law-{field}"
        page.fill(f"#law-{field}", kept)
        assert page.inner_text("#law-fault") == "" and page.locator("[aria-invalid]").count() == 0


@needs_browser
def test_without_javascript_the_page_says_so(browser, html):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((html / "book" / "exact_law.html").as_uri())
    assert "needs JavaScript" in page.inner_text("noscript .law-note")
    assert not page.is_visible("#law-form")
    page.close()
