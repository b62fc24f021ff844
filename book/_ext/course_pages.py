"""Pages that say what ran: their tables are made when the book is built, from what is committed.

A line `<!-- results -->` in a page gives way to the text that `results` returns, and so for the
others.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import ascii_uppercase

import gpu
import make_spectra
import nbformat
import run_notebooks

from ibhelpers.tasks.commands import DATASETS

CARDS = run_notebooks.ROOT / "book" / "gpu"
DISKS = run_notebooks.ROOT / "book" / "out_of_core"
CLUSTERS = run_notebooks.ROOT / "book" / "cluster"
LAW_PAGE = "book/exact_law"


def notebooks() -> Iterator[tuple[Path, nbformat.NotebookNode, str]]:
    """Path, contents and a linked title of every chapter, in reading order."""
    for path in sorted(run_notebooks.NOTEBOOKS.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
        yield path, notebook, f"[{path.name[:2]} {title}](../notebooks/{path.name})"


def recorded(path: Path, notebook: nbformat.NotebookNode) -> dict | None:
    """How a notebook ran; None unless its code and outputs are those of that very run."""
    record = run_notebooks.records().get(path.stem)
    return record if record and record["sha256"] == run_notebooks.fingerprint(notebook) else None


def cost(record: dict) -> str:
    """When, how long, and on what."""
    return (
        f"{record['date']} UTC, {record['seconds']:,.0f} s, {record['peak_memory_mib']:,} MiB, "
        f"{machine(record)}"
    )


def machine(record: dict) -> str:
    """Processor, cores and threads, and the graphics card if there was one."""
    m = record["machine"]
    card = f", {m['gpu']}" if m["gpu"] else ""
    return f"{m['cpu']}, {count(m['cores'], 'core')}, {count(m['threads'], 'thread')}{card}"


def versions(record: dict) -> str:
    """Names and versions."""
    return ", ".join(f"{name} {version}" for name, version in record["versions"].items())


def count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def results() -> str:
    """What the cells tagged "result" showed, folded chapter by chapter; large runs apart."""
    folds = []
    for path, notebook, title in notebooks():
        shown = list(tagged(notebook))
        if shown:
            record = recorded(path, notebook)
            ran = f"{title}: {cost(record)}; {versions(record)}." if record else CHANGED
            folds.append(folded(title, [ran, *shown], "in-a-chapter"))
        large = run_notebooks.LARGE / f"{path.stem}.json"
        if large.exists():
            run = json.loads(large.read_text(encoding="utf-8"))
            texts = [f"**{x['section']}**\n\n{as_text(x['text'])}" for x in run["results"]]
            ran = f"{title}: {cost(run)}; {versions(run)}."
            folds.append(folded(f'{title}, with SCALE = "large"', [ran, *texts]))
    beyond = [
        "## Beyond the memory",
        "",
        *out_of_core(),
        *on_clusters(),
        "## Graphics cards",
        "",
        *cards(),
    ]
    return "\n".join([*folds, *beyond])


def folded(title: str, parts: list[str], which: str = "") -> str:
    """Text that a click on its title unfolds; of a title that is a link, the words."""
    opening = f"::::{{dropdown}} {LINK.sub(WORDS, title)}\n:class-container: folded {which}"
    return "\n\n".join([opening, *parts, "::::", ""])


LINK, WORDS = re.compile(r"\[([^]]*)\]\([^)]*\)"), r"\1"


def tagged(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """The tables and texts of every cell tagged "result", under the name of its section."""
    for section, cell in run_notebooks.tagged(notebook):
        yield f"**{section}**"
        for output in cell.outputs:
            if html := output.get("data", {}).get("text/html"):
                yield f'<div class="cell_output">\n{html}\n</div>'
            elif text := run_notebooks.plain_text(output):
                yield as_text(text)


def as_text(text: str) -> str:
    return f"```text\n{text}\n```"


def out_of_core() -> list[str]:
    """What `scripts/large_run.py` found with its tiles on a disk, run by run."""
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(DISKS.glob("*.json"))]
    return [
        folded(f"{run['n_train']:,} training and {run['n_test']:,} test digits", [on_a_disk(run)])
        for run in kept
    ]


def on_a_disk(run: dict) -> str:
    """A row for everything that such a run says."""
    wrong = [block["errors of the mean"] for block in run["blocks"]]
    said = {
        "space": f"`{run['space']}`",
        "made on": run["machine"],
        "started": f"{len(run['starts'])} times; figures of time are those of the last",
        "seconds": f"{run['seconds']:,.0f}",
        "of these for conditioning": f"{run['seconds_of_conditioning']:,.0f}",
        "processor seconds": f"{run['processor_seconds']:,.0f}, {count(run['threads'], 'thread')}",
        "peak of memory": f"{run['peak_memory_gib']} GiB",
        "disk": f"{run['disk_gib']} GiB",
        "condition number": f"{run['condition']:.1e}",
        "mean loss": f"{run['mean_loss']:.6f}",
        "wrong, of the mean": f"{sum(wrong) / len(wrong):.2%}",
    }
    said |= {f"bits at {target}": f"{bits:,.1f}" for target, bits in run["bits"].items()}
    shares = run["bits_at_shares_of_the_mean_loss"]
    said |= {"bits at 0.3 of the mean loss": f"{shares['0.300']:,.1f}"}
    rows = [f"| {what} | {value} |" for what, value in said.items()]
    return "\n".join(["| all of MNIST, tiles on a disk | measured |", "|---|---|", *rows])


def on_clusters() -> list[str]:
    """What `tests/benchmarks/bench_cluster.py limited` found, run by run."""
    kept = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(CLUSTERS.glob("*.json"))
    ]
    return [
        folded(f"{run['n_train']:,} digits on small workers", [on_a_cluster(run)]) for run in kept
    ]


def on_a_cluster(run: dict) -> str:
    """A row for everything that such a run says."""
    said = {
        "training and test digits": f"{run['n_train']:,} and {run['n_test']:,}",
        "space": f"`{run['space']}`",
        "made on": run["machine"],
        "workers": f"{run['workers']}, which may hold {run['limit of each']} each",
        "all tiles together": f"{run['tiles, GiB']} GiB",
        "seconds": f"{run['seconds']:,.0f}",
        "processor seconds of the workers": several(run["processor seconds"], ",.0f"),
        "most that each held, GiB": several(run["peak of memory, GiB"], ".2f"),
        "in one memory, seconds": f"{run['in one memory, seconds']:,.0f}, "
        f"{count(run['threads in one memory'], 'thread')}",
        "differs from that by": f"{run['differs by']:.0e} of the largest entry",
        "bits at 0.01": f"{run['bits at 0.01']:,.1f}",
    }
    rows = [f"| {what} | {value} |" for what, value in said.items()]
    return "\n".join(["| workers of a cluster on one machine | measured |", "|---|---|", *rows])


def several(values: list[float], form: str) -> str:
    return " and ".join(f"{value:{form}}" for value in values)


def cards() -> list[str]:
    """The tables that `make gpu` wrote on graphics cards, card by card, of those that were kept."""
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(CARDS.glob("*.json"))]
    tables = [folded(record["machine"]["gpu"], [gpu.markdown(record, "")]) for record in kept]
    return tables or [NO_CARD]


NO_CARD = (
    "Not measured yet. On a machine with a CUDA card, `make gpu` checks that it gives what a CPU "
    "gives and measures what it is for, in eight minutes; this page shows every `gpu.json` that is "
    "kept in `book/gpu/`."
)


CHANGED = "Not as it was last run and recorded; the [status](status.md) has no record of it."


def status() -> str:
    """A row for every notebook, and below them what they ran with."""
    lines = ["| chapter | run at (UTC) | seconds | peak memory | with |", "|---|---|---:|---:|---|"]
    environments = []
    for path, notebook, title in notebooks():
        if record := recorded(path, notebook):
            environment = f"{versions(record)}; {machine(record)}"
            if environment not in environments:
                environments.append(environment)
            letter = ascii_uppercase[environments.index(environment)]
            memory = f"{record['peak_memory_mib']:,} MiB"
            row = [record["date"], f"{record['seconds']:,.0f}", memory, letter]
        else:
            row = ["changed since its last recorded run", "", "", ""]
        lines.append(f"| {title} | {' | '.join(row)} |")
    lines += [f"\n{a}: {e}" for a, e in zip(ascii_uppercase, environments, strict=False)]
    return "\n".join(lines)


def files() -> str:
    """Every data file with its size, and whence its checksum."""
    lines = ["| file | bytes | SHA-256 |", "|---|---:|---|"]
    for parts in DATASETS.values():
        for file in parts:
            where = "" if file.urls else ", ships"
            checksum = f'<code class="checksum">{file.sha256}</code>'  # which may break anywhere
            lines.append(f"| `{file.path}`{where} | {file.size:,} | {checksum} |")
    return "\n".join(lines)


def spectra() -> str:
    """The laws that a reader can pick in the browser, inside the page: no request, no server."""
    files = [make_spectra.FOLDER / f"{name}.json" for name in make_spectra.OFFERED]
    laws = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    data = json.dumps(laws, ensure_ascii=False).replace("</", r"<\/")
    return f'<script type="application/json" id="law-spectra">{data}</script>'


def add_law(app, pagename, templatename, context, doctree):
    """Load the calculation on its page only."""
    if pagename == LAW_PAGE:
        app.add_css_file("law/law.css")
        for name in ("exact_law", "law_plot", "law_page"):
            app.add_js_file(f"law/{name}.js", loading_method="defer")


MADE = {"results": results, "status": status, "files": files, "spectra": spectra}


def fill(app, docname, source):
    """Put the tables where a page asks for them."""
    for name, make in MADE.items():
        if docname.startswith("book/") and f"<!-- {name} -->" in source[0]:
            source[0] = source[0].replace(f"<!-- {name} -->", make())


def setup(app):
    app.connect("source-read", fill)
    app.connect("html-page-context", add_law)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
