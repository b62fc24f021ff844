"""The law of the book's page, run by Node: the one installed, or the one that Playwright brings."""

import json
import shutil
import subprocess
from pathlib import Path

import playwright

ROOT = Path(__file__).resolve().parents[1]
LAW = ROOT / "book" / "_static" / "law" / "exact_law.js"
_BROUGHT = Path(playwright.__file__).parent / "driver" / "node"
NODE = shutil.which("node") or (str(_BROUGHT) if _BROUGHT.exists() else None)

# A list of laws with a target each; infinite bits are null in JSON, so they are spelt out.
ANSWERS = """cases => cases.map(given => {
    try {
        const found = ExactLaw.bits(ExactLaw.law(given), given.target);
        return {...found, bits: found.bits === Infinity ? "inf" : found.bits};
    } catch (error) {
        return {fault: error.message, field: error.field, kind: error.name};
    }
})"""
_PROGRAM = f"""
const ExactLaw = require(process.argv[1]);
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(({ANSWERS})(cases)));
"""


def bits_in_node(cases: list[dict]) -> list[dict]:
    """What the page answers to laws and targets: bits and error, or a fault and its field."""
    assert NODE is not None
    ran = subprocess.run(
        [NODE, "-e", _PROGRAM, str(LAW)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    return with_infinity(json.loads(ran.stdout))


def with_infinity(found: list[dict]) -> list[dict]:
    """The answers with infinite bits as a number."""
    return [a | {"bits": float(a["bits"])} if "bits" in a else a for a in found]
