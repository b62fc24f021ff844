"""Quizzes: every question can be answered, in Moodle and in Canvas, and a secret keeps its key."""

import csv
import json
import re
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import make_quizzes
import nbformat
import pytest

from tests.node import NODE

CHAPTERS = make_quizzes.chapters()
QUESTIONS = [q for chapter in CHAPTERS for q in make_quizzes.variants(chapter)]
NAMESPACE = {"q": "http://www.imsglobal.org/xsd/ims_qtiasiv1p2"}


def test_every_chapter_has_six_questions():
    notebooks = {path.name[:2] for path in Path("notebooks").glob("[0-9]*.ipynb")}
    assert set(CHAPTERS) == notebooks
    assert all(6 <= len(questions) <= 8 for questions in CHAPTERS.values())


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_notebook_asks_what_the_file_asks(chapter):
    (path,) = Path("notebooks").glob(f"{chapter}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    asked = [i for i, cell in enumerate(cells) if "quiz" in cell.metadata.get("tags", [])]
    assert len(asked) == 1, "python scripts/make_quizzes.py --notebooks"
    text = cells[asked[0]].source
    assert text == make_quizzes.cell(chapter), "python scripts/make_quizzes.py --notebooks"
    assert cells[asked[0] + 1].source.startswith(make_quizzes.LEARNED)
    questions = CHAPTERS[chapter]
    assert text.count("<details>") == text.count("</details>") == len(questions)
    assert all(written["because"] in text for written in questions)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_question_has_one_right_answer_and_a_word_on_each(question):
    texts = [question.ask, question.because]
    if question.options:
        assert sum(right for _, _, right in question.options) == 1
        assert len({text for text, _, _ in question.options}) == len(question.options) >= 3
        texts += [text for option in question.options for text in option[:2]]
    else:
        assert question.margin > 0
        assert not re.search(r"\{[A-Za-z]\}(?!\$)", re.sub(r"\$[^$]*\$", "", question.ask))
        texts += [said for _, said in question.slips]
    for text in texts:
        assert len(text) > 1 or text.isdigit()
        assert text.count("$") % 2 == 0
        for formula in re.findall(r"\$([^$]+)\$", text):
            bare = formula.replace(r"\{", "").replace(r"\}", "")
            assert bare.count("{") == bare.count("}"), formula


def test_no_slip_passes_for_the_right_answer():
    """With the listed numbers, and with those that secrets draw."""
    for questions in CHAPTERS.values():
        for written in (q for q in questions if "numbers" in q):
            listed = written["numbers"]
            cases = [
                dict(zip(listed, values, strict=True))
                for values in zip(*listed.values(), strict=True)
            ]
            cases += [make_quizzes.drawn(written, b"secret %d" % i) for i in range(40)]
            for numbers in cases:
                right = make_quizzes.value_of(written["answer"], numbers)
                for slip in written["slips"]:
                    wrong = make_quizzes.value_of(slip["answer"], numbers)
                    assert abs(wrong - right) > written["within"] * abs(right), (slip, numbers)


def test_a_small_slip_beside_a_large_answer_has_its_word():
    (question,) = [q for q in QUESTIONS if q.name == "19.Q3.1"]
    assert question.answer == pytest.approx(1_000_001)
    assert [round(value) for value, _ in question.slips] == [101, 1000]


def test_the_length_of_an_option_does_not_tell_the_right_one():
    """The right one is as often the longest, and the shortest, as a guess would have it.

    Within two standard deviations of what as many questions would show by chance.
    """
    lengths = [
        (len(written["right"]), [len(wrong["option"]) for wrong in written["wrong"]])
        for questions in CHAPTERS.values()
        for written in questions
        if "right" in written
    ]
    chances = [1 / (1 + len(others)) for _, others in lengths]
    expected, deviation = sum(chances), sum(p * (1 - p) for p in chances) ** 0.5
    longest = sum(right > max(others) for right, others in lengths)
    shortest = sum(right < min(others) for right, others in lengths)
    assert abs(longest - expected) < 2 * deviation
    assert abs(shortest - expected) < 2 * deviation


def test_the_form_of_an_option_does_not_tell_the_right_one():
    """Where only wrong options begin with "Because", the right one can be seen without reading."""
    for question in QUESTIONS:
        assert not any(option.startswith("Because") for option, _, _ in question.options)


def test_numbers_that_are_known_otherwise():
    answers = {q.name: q.answer for q in QUESTIONS}
    assert answers["00.Q2.1"] == 12  # 2^12
    assert answers["01.Q1.1"] == 6  # eight settings, two of them seen
    assert answers["06.Q2.1"] == pytest.approx(8.085, abs=1e-3)  # chapter 06
    assert answers["07.Q1.1"] == pytest.approx(0.09)
    assert answers["12.Q5.1"] == pytest.approx(6.4386, abs=1e-4)  # -20 log2(0.8)


def test_gift_is_whole():
    """Braces, answers and comments are where Moodle looks for them."""
    for question in QUESTIONS:
        text = re.sub(r"\\.", "", make_quizzes.gift_of(question))  # what is escaped has no meaning
        assert text.count("{") == text.count("}") == 1
        body = text[text.index("{") + 1 : text.index("}")]
        lines = body.removeprefix("#").strip().split("\n")
        assert all(re.fullmatch(r"[=~][^=~#]+(?:#[^=~#]*)", line) for line in lines), text
        assert len(lines) == (len(question.options) or 1 + len(question.slips))


PARSE = """
const {parse} = require(process.argv[1]);
console.log(JSON.stringify(parse(require("fs").readFileSync(0, "utf8"))));
"""


def parsed(gift: str) -> list[dict]:
    """What the parser of the npm package gift-pegjs 1.0.2 reads."""
    ran = subprocess.run(
        [NODE, "-e", PARSE, str(Path(__file__).parent / "vendor" / "gift-pegjs" / "pegjs-gift.js")],
        input=gift,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


@pytest.mark.skipif(NODE is None, reason="no Node found")
def test_another_parser_reads_in_gift_what_was_written():
    read = parsed("\n\n".join(map(make_quizzes.gift_of, QUESTIONS)))
    for found, question in zip(read, QUESTIONS, strict=True):
        assert found["title"] == question.name
        assert found["stem"] == {"format": "html", "text": make_quizzes.html(question.ask)}
        said = [choice["feedback"]["text"] for choice in found["choices"]]
        if question.options:
            assert found["type"] == "MC"
            texts = [choice["text"]["text"] for choice in found["choices"]]
            right = [choice["isCorrect"] for choice in found["choices"]]
            written = [(make_quizzes.html(text), r) for text, _, r in question.options]
            assert list(zip(texts, right, strict=True)) == written
            assert said == [make_quizzes.html(comment) for _, comment, _ in question.options]
        else:
            assert found["type"] == "Numerical"
            values = [choice["text"]["number"] for choice in found["choices"]]
            expected = [question.answer, *(value for value, _ in question.slips)]
            assert values == pytest.approx(expected, rel=1e-8)
            weights = [choice["weight"] for choice in found["choices"]]
            assert weights == [None] + [0] * len(question.slips)
            assert len(said) == 1 + len(question.slips)


@pytest.mark.skipif(NODE is None, reason="no Node found")
def test_the_other_parser_refuses_what_is_not_gift():
    with pytest.raises(subprocess.CalledProcessError):
        parsed("::1:: Two answers {=a =b ~c")


def test_formulas_and_emphasis_are_html():
    text = make_quizzes.html(r"$K_{*n} < 1$ and *the* `a*b` of $x_*$")
    assert text == r"\(K_{*n} &lt; 1\) and <em>the</em> <code>a*b</code> of \(x_*\)"


def test_qti_gives_points_once_and_answers_every_choice(tmp_path):
    for chapter in CHAPTERS:
        questions = list(make_quizzes.variants(chapter))
        make_quizzes.write_qti(tmp_path / "quiz.zip", f"Chapter {chapter}", questions)
        with zipfile.ZipFile(tmp_path / "quiz.zip") as archive:
            manifest = ET.fromstring(archive.read("imsmanifest.xml"))
            (file,) = manifest.iter("{http://www.imsglobal.org/xsd/imscp_v1p1}file")
            root = ET.fromstring(archive.read(file.attrib["href"]))
        items = root.findall(".//q:item", NAMESPACE)
        assert len({item.attrib["ident"] for item in items}) == len(items) == len(questions)
        for item, question in zip(items, questions, strict=True):
            assert len(item.findall(".//q:setvar", NAMESPACE)) == 1
            said = {f.attrib["ident"] for f in item.findall("q:itemfeedback", NAMESPACE)}
            linked = [
                f.attrib["linkrefid"] for f in item.findall(".//q:displayfeedback", NAMESPACE)
            ]
            assert sorted(linked) == sorted(said)
            offered = {x.attrib["ident"] for x in item.findall(".//q:render_choice/*", NAMESPACE)}
            asked = {x.text for x in item.findall(".//q:varequal", NAMESPACE)}
            assert offered == asked
            if not question.options:
                low = float(item.find(".//q:vargte", NAMESPACE).text)
                high = float(item.find(".//q:varlte", NAMESPACE).text)
                assert low < question.answer < high


def test_a_secret_draws_other_numbers_and_the_same_ones_again():
    def answers(secret):
        return {q.name: q.answer for q in make_quizzes.variants("03", secret) if not q.options}

    assert answers(b"one secret") == answers(b"one secret")
    assert answers(b"one secret") != answers(b"another secret")
    for i in range(50):  # whatever the secret, every question has an answer
        for chapter in CHAPTERS:
            for question in make_quizzes.variants(chapter, str(i).encode()):
                assert question.options or question.answer == question.answer


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["make_quizzes.py", *map(str, arguments)])
    make_quizzes.main()


@pytest.mark.parametrize(
    ("text", "output", "words"),
    [
        ("abc", "quizzes", "eight characters"),
        ("a good secret", make_quizzes.ROOT / "editions", "outside the repository"),
        (None, "quizzes", "No such file"),
    ],
)
def test_a_secret_that_is_none_is_refused(tmp_path, monkeypatch, capsys, text, output, words):
    if text is not None:
        (tmp_path / "secret").write_text(text)
    with pytest.raises(SystemExit):
        run(monkeypatch, "--secret", tmp_path / "secret", "--output", tmp_path / output)
    assert words in capsys.readouterr().err


def test_no_graded_question_has_its_key_in_the_repository(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("one that nobody knows")
    out = tmp_path / "quizzes"
    run(monkeypatch, "--secret", tmp_path / "secret", "--output", out)
    with (out / "key.csv").open(encoding="utf-8", newline="") as file:
        key = {row["question"]: row for row in csv.DictReader(file)}
    public = {(q.name.rsplit(".", 1)[0], q.answer) for q in QUESTIONS if not q.options}
    asked = {
        name
        for file in out.glob("*.gift")
        for name in re.findall("::(.*?)::", file.read_text("utf-8"))
    }
    assert asked == set(key) and len(key) >= len(CHAPTERS)
    same = [name for name, row in key.items() if (name, float(row["answer"])) in public]
    assert len(same) <= len(key) / 3  # small numbers have few neighbours
