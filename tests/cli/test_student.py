import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pintower.models.calibration import Calibration
from pintower.models.student import load_student

QUERIES = [f"{colour} {thing}" for colour in ("red", "blue") for thing in
           ("shoes", "sofa", "cake", "bench", "house")]  # fmt: skip


def pintower(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pintower.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Twenty pins and ten queries, each judged on all of them."""
    folder = tmp_path / "my-shop"
    folder.mkdir()
    pins = [{"pin_id": f"p{number}", "title": f"{QUERIES[number % 10]} {number}"}
            for number in range(20)]  # fmt: skip
    (folder / "pins.jsonl").write_text("\n".join(json.dumps(pin) for pin in pins))
    rows = [
        f"{query}\tp{number}\t{5 if number % 10 == place else 1}"
        for place, query in enumerate(QUERIES)
        for number in range(20)
    ]
    (folder / "judgments.tsv").write_text("\n".join(["query\tpin_id\tlevel", *rows]))
    return folder


def test_an_encoder_alone_is_enough(tiny_backbone: Path, tmp_path: Path) -> None:
    (tmp_path / "my-encoder").symlink_to(tiny_backbone)
    done = pintower("student", "from-encoder", "my-encoder", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "read off the texts of 400 pins of the built-in" in " ".join(done.stdout.split())
    assert done.stdout.splitlines()[-1].strip() == (
        "pintower build artifacts/students/my-encoder --dataset DIR --out artifacts/my-encoder"
    )
    made = load_student(tmp_path / "artifacts" / "students" / "my-encoder")
    assert not made.layout.calibration.exists()  # a build calibrates on the user's own texts


def test_builds_of_two_students_are_suggested_two_folders(
    tiny_backbone: Path, tmp_path: Path
) -> None:
    suggested = {}
    for out in ("A/zh", "A/hi", "B/zh", "artifacts/students/zh"):
        done = pintower("student", "from-encoder", str(tiny_backbone), "--out", out, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        suggested[out] = shlex.split(done.stdout.splitlines()[-1])[-1]
    assert suggested == {
        "A/zh": "A/zh-build",
        "A/hi": "A/hi-build",
        "B/zh": "B/zh-build",
        "artifacts/students/zh": "artifacts/zh",
    }


def test_judgments_of_a_dataset_fit_the_head(
    tiny_backbone: Path, dataset: Path, tmp_path: Path
) -> None:
    arguments = ["--dataset", str(dataset), "--out", "mine", "--pooling", "cls"]
    prefixes = ["--query-prefix", "query: ", "--pin-prefix", ""]
    encoder = str(tiny_backbone)
    done = pintower(
        "student", "from-encoder", encoder, *arguments, *prefixes, "--json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["student"] == "mine"
    assert (made["calibrated_on"], made["pairs"], made["queries"]) == ("judgments", 200, 10)
    assert made["next"].startswith(f"pintower build mine --dataset {dataset} --out ")
    student = load_student(tmp_path / "mine")
    assert student.query_encoder[1].pooling_mode == "cls"
    assert (student.rendering.query_prefix, student.rendering.pin_prefix) == ("query: ", "")
    frozen = Calibration.load(student)
    assert all(text.startswith("query: ") for text in frozen.queries.texts)
    assert len(frozen.pins.texts) == 20
    other = pintower("student", "from-encoder", encoder, *arguments, cwd=tmp_path)
    assert other.returncode == 2
    assert "made with another dataset or other options. Give another --out, or --replace" in (
        " ".join(other.stderr.split())
    )
    assert load_student(tmp_path / "mine").rendering.query_prefix == "query: "
    again = pintower("student", "from-encoder", encoder, *arguments, "--replace", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "cross-validated by query" in again.stdout


def test_lengths_are_options_and_what_they_cut_is_said(
    tiny_backbone: Path, dataset: Path, tmp_path: Path
) -> None:
    arguments = ["from-encoder", str(tiny_backbone), "--dataset", str(dataset), "--out", "mine"]
    lengths = ["--query-max-tokens", "40", "--pin-max-tokens", "20", "--source-max-chars", "4"]
    done = pintower("student", *arguments, *lengths, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "Queries are cut at 40 tokens; pins at 20 tokens, each text source at 4 char" in said
    assert "20 of 20 pins are cut, and lose " in said
    assert "0 of 10 queries are cut." in said
    assert "tokens 0.0% are unknown to the tokenizer." in said
    rendering = load_student(tmp_path / "mine").rendering
    assert (rendering.query_max_tokens, rendering.pin_max_tokens) == (40, 20)
    assert rendering.source_max_chars == 4


def test_a_prompt_that_leaves_no_room_is_bad_input(tiny_backbone: Path, tmp_path: Path) -> None:
    prefix = ["--query-prefix", "a garden bench: " * 60]
    done = pintower("student", "from-encoder", str(tiny_backbone), *prefix, cwd=tmp_path)
    assert done.returncode == 2
    assert "There is no room for a query: of 128 tokens" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "artifacts" / "students").iterdir()) == []


def test_a_users_own_folder_is_refused_and_left_alone(tiny_backbone: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    done = pintower("student", "from-encoder", str(tiny_backbone), "--out", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "mine holds files that pintower did not make" in done.stderr
    assert [path.name for path in mine.parent.iterdir()] == ["thesis.txt"]


def test_a_failed_one_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text('{"model_type": "bert"}')
    done = pintower("student", "from-encoder", "./broken", cwd=tmp_path)
    assert done.returncode == 2
    assert "broken cannot be loaded" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in (tmp_path / "artifacts").rglob("*") if path.name != "students"]


def test_a_file_at_out_and_a_negative_seed_are_bad_input(tmp_path: Path) -> None:
    file = tmp_path / "pins.csv"
    file.write_text("mine")
    for options in (["--out", "pins.csv"], ["--out", "pins.csv/st"], ["--seed", "-1"]):
        done = pintower("student", "from-encoder", "absent", *options, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        told = " ".join(done.stderr.split())
        assert "folder is wanted" in told or "--seed" in told
        assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["pins.csv"]
    assert file.read_text() == "mine"


def test_a_student_is_narrowed_and_told_what_that_costs(
    tiny_backbone: Path, dataset: Path, tmp_path: Path
) -> None:
    made = ["from-encoder", str(tiny_backbone), "--dataset", str(dataset), "--out", "mine"]
    assert pintower("student", *made, cwd=tmp_path).returncode == 0
    given = ["student", "narrow", "mine", "--dataset", str(dataset)]
    wide = pintower(*given, "--width", "32", cwd=tmp_path)
    assert wide.returncode == 2
    assert "width 32 and cannot be narrowed to 32; allowed: 1 to 31" in (
        " ".join(wide.stderr.split())
    )
    few = pintower(*given, "--width", "31", cwd=tmp_path)
    assert few.returncode == 2  # a fifth of ten queries is held out
    assert "train the width with the student: student.widths" in " ".join(few.stderr.split())
    assert not (tmp_path / "mine-width31").exists()
    more = [f"my {query}\tp{place}\t{level}" for place, query in enumerate(QUERIES)
            for level, place in ((5, place), (1, 19 - place))]  # fmt: skip
    with (dataset / "judgments.tsv").open("a") as table:
        table.write("\n" + "\n".join(more))
    done = pintower(*given, "--width", "31", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["student"], told["width"], told["full_width"]) == ("mine-width31", 31, 32)
    assert told["held_out_queries"] > 0
    assert load_student(tmp_path / "mine-width31").head.width == 31
    said = pintower(*given, "--width", "31", cwd=tmp_path)
    assert "pintower build mine-width31 --dataset" in said.stdout
    assert "against the full width" in " ".join((said.stdout + said.stderr).split())
