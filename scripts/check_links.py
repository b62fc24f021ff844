"""Check every link of the built book: pages, anchors, images, scripts, downloads; and outside ones.

    python scripts/check_links.py [--outside] [FOLDER]

FOLDER holds the pages, book/_build/html unless another one is named. Outside links are checked by
Sphinx's own link checker, where there is a network; each that is broken is printed with the pages
that have it.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]
REFERENCES = {  # attributes that lead to a file, and the tags that have them
    "href": ["a", "area", "link", "use", "image"],
    "xlink:href": ["a", "use", "image"],
    "src": ["img", "script", "iframe", "source", "video", "audio", "embed", "track", "input"],
    "poster": ["video"],
    "data": ["object"],
}
IN_STYLE = re.compile(r"url\(\s*['\"]?([^'\")]+)['\"]?\s*\)")
OUTSIDE = ("http", "https")
PROBE = "https://doi.org"  # most outside links of the book are there
# Some publishers answer no program, whatever it asks for.
REFUSALS = re.compile(r"\b(401|403|418|429|503)\b|captcha|[Tt]oo [Mm]any")

Pages = dict[Path, BeautifulSoup]


def read_pages(html: Path) -> Pages:
    """Every page of the book, parsed, by its path."""
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(html.rglob("*.html"))
        if "_static" not in path.parts
    }


def references(page: BeautifulSoup) -> Iterator[str]:
    """All addresses in a page: of links, images, scripts, styles and what it moves on to."""
    for attribute, tags in REFERENCES.items():
        for tag in page.find_all(tags, {attribute: True}):
            yield str(tag[attribute]).strip()
    for tag in page.find_all(["img", "source"], srcset=True):
        yield from (part.split()[0] for part in str(tag["srcset"]).split(", ") if part.strip())
    for tag in page.find_all("meta", {"http-equiv": re.compile("refresh", re.IGNORECASE)}):
        yield str(tag["content"]).partition("url=")[2].strip()


def broken(html: Path, pages: Pages) -> list[str]:
    """What leads nowhere inside the book, each with the page or the style sheet that has it."""
    html = html.resolve()
    anchors = {path.resolve(): anchors_of(page) for path, page in pages.items()}
    found = [
        f"{path.relative_to(html)}: {address} ({fault})"
        for path, page in ((path.resolve(), page) for path, page in pages.items())
        for address in dict.fromkeys(references(page))
        if (fault := fault_of(address, path, html, anchors))
    ]
    for path in sorted(html.rglob("*.css")):
        for address in dict.fromkeys(IN_STYLE.findall(path.read_text(encoding="utf-8"))):
            if not address.startswith("#") and (fault := fault_of(address, path, html, {})):
                found.append(f"{path.relative_to(html)}: {address} ({fault})")
    return found


def anchors_of(page: BeautifulSoup) -> set[str]:
    """What can stand behind # in a link to a page."""
    names = {str(tag["name"]) for tag in page.find_all("a", {"name": True})}
    return {str(tag["id"]) for tag in page.find_all(id=True)} | names | {"", "top"}


def fault_of(address: str, path: Path, html: Path, anchors: dict[Path, set[str]]) -> str:
    """What is wrong with an address in a file; nothing with one that leads outside."""
    url = urlsplit(address)
    if url.scheme or url.netloc:
        return "" if url.scheme in (*OUTSIDE, "mailto", "data") else f"what is {url.scheme}?"
    target = (path.parent / unquote(url.path)).resolve() if url.path else path
    if not target.is_relative_to(html):
        return "leaves the book, which is hosted without what lies beside it"
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file"
    if target.stat().st_size == 0:
        return "an empty file"
    if target in anchors and unquote(url.fragment) not in anchors[target]:
        return "no such anchor"
    return ""


def outside(html: Path, pages: Pages) -> dict[str, list[str]]:
    """Every outside address, and the pages that have it."""
    found = defaultdict(list)
    for path, page in pages.items():
        for address in dict.fromkeys(references(page)):
            if urlsplit(address).scheme in OUTSIDE:
                found[address].append(str(path.relative_to(html)))
    return dict(found)


def answers(addresses: list[str]) -> dict[str, tuple[str, str]]:
    """The status of each address and what was said of it, by Sphinx's link checker."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        links = "\n\n".join(f"`{i} <{address}>`__" for i, address in enumerate(addresses))
        (folder / "index.rst").write_text(f"Links\n=====\n\n{links}\n", encoding="utf-8")
        (folder / "conf.py").write_text(
            "linkcheck_timeout, linkcheck_retries, linkcheck_workers = 30, 2, 5\n"
            "linkcheck_rate_limit_timeout = 30\n"
            'linkcheck_anchors_ignore_for_url = [r"https://github\\.com/.*"]\n'  # made by a script
        )
        # What is broken makes it fail; what it says of each stands in a file.
        ran = subprocess.run(
            [sys.executable, "-m", "sphinx", "-q", "-b", "linkcheck", folder, folder / "out"],
            capture_output=True,
            text=True,
        )
        output = folder / "out" / "output.json"
        if not output.exists():
            raise RuntimeError(f"Sphinx's link checker did not run: {ran.stderr[-2000:]}")
        lines = output.read_text(encoding="utf-8").splitlines()
    said = (json.loads(line) for line in lines)
    return {answer["uri"]: (answer["status"], answer["info"]) for answer in said}


def is_there_a_network() -> bool:
    """Whether anything answers, be it with a refusal."""
    try:
        with urllib.request.urlopen(PROBE, timeout=20):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def report_outside(addresses: dict[str, list[str]]) -> int:
    """Print what is broken or refuses programs; the number of broken addresses."""
    found = answers(sorted(addresses))
    bad = {a: info for a, (status, info) in found.items() if status in ("broken", "timeout")}
    refusing = {a for a, info in bad.items() if REFUSALS.search(info)}
    missing = set(addresses) - set(found)
    for address in sorted(missing | set(bad) - refusing):
        said = bad.get(address, "was not checked")
        print(f"{address}: {said}; in {', '.join(addresses[address])}")
    print(f"{len(addresses)} outside links, {len(missing | set(bad) - refusing)} broken.")
    if refusing:
        print("These answer no program; open them by hand:", *sorted(refusing), sep="\n    ")
    return len(missing | set(bad) - refusing)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outside", action="store_true", help="check outside links, too")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "book" / "_build" / "html")
    given = parser.parse_args()
    html = given.folder.resolve()
    pages = read_pages(html)
    if not pages:
        print(f"FOLDER: no page in {html}; `make book` builds them.")
        return 2
    faults = broken(html, pages)
    print(*faults, f"{len(pages)} pages, {len(faults)} broken links inside the book.", sep="\n")
    if given.outside and not is_there_a_network():
        print(f"Outside links are not checked: {PROBE} cannot be reached.")
    elif given.outside:
        return int(bool(report_outside(outside(html, pages)) or faults))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
