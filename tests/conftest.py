"""What several test files share: the book, built once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import mpmath
import pytest
from filelock import FileLock

from tests.browser import BROWSER

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Ctrl-C interrupts, also where a shell that starts tests in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def html(tmp_path_factory):
    """The folder of the freshly built pages; the first process that asks builds them for all."""
    pytest.importorskip("jupyter_book", reason="the book's tools are not installed (extra: book)")
    own = tmp_path_factory.getbasetemp()
    output = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "book"
    with FileLock(f"{output}.lock"):
        if not (output / "built").exists():
            output.mkdir(exist_ok=True)
            built = subprocess.run(
                [sys.executable, ROOT / "scripts" / "build_book.py", "--output", output],
                capture_output=True,
                text=True,
                env=os.environ | {"NO_COLOR": "1", "REPOSITORY_URL": ""},
            )
            assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
            (output / "built").touch()
    return output / "_build" / "html"


@pytest.fixture(autouse=True)
def precision_of_mpmath():
    """A test may set mpmath's precision; the next one starts from the usual one."""
    before = mpmath.mp.prec
    yield
    mpmath.mp.prec = before


@pytest.fixture(scope="module")
def browser():
    """A browser, for one file: its event loop must not run beside that of another's."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--disable-gpu"])
        yield opened
        opened.close()
