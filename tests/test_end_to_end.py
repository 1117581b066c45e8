"""A user's own dataset folder, written by hand, through every stage to a served ranking."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytestmark = [pytest.mark.triton, pytest.mark.slow]

THINGS = ["red shoes", "blue sofa", "lemon cake", "garden bench", "beach house"]

RECIPE = """
name = "mine"

[data]
path = "{dataset}"

[teacher]
encoder = "{backbone}"
epochs = 1
bf16 = false

[labels]
pairs = 200
shard_size = 50

[student]
query_encoder = "{backbone}"
pin_encoder = "{backbone}"
width = 16
hidden = [8]
bf16 = false

[evaluation]
bootstrap = 50

[export]
parity_texts = 20

[pins]
chunk = 10

[repository]
pairs = 100
golden_queries = 5

[bench]
requests = 20
candidates = 10
concurrency = [1]
warmup = 5
rounds = 3
"""


def pintower(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pintower.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def place(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 50 pins as JSON lines, 100 judgments as TSV and a recipe; run to the end."""
    place = tmp_path_factory.mktemp("end-to-end")
    dataset = place / "dataset"
    dataset.mkdir()
    # Digit by digit: the tiny vocabulary has no longer numbers, and texts are to differ.
    titles = [f"{THINGS[number % 5]} number {' '.join(str(number))}" for number in range(50)]
    pins = [
        {"pin_id": number, "title": title, "language": "en"} for number, title in enumerate(titles)
    ]
    (dataset / "pins.jsonl").write_text("\n".join(json.dumps(pin) for pin in pins))
    rows = [
        f"{thing}\t{number}\t{5 if number % 5 == place_ else 1 + number % 3}"
        for place_, thing in enumerate(THINGS)
        for number in range(20)
    ]
    (dataset / "judgments.tsv").write_text("\n".join(["query\tpin_id\tlevel", *rows]))
    recipe = RECIPE.format(dataset=dataset, backbone=tiny_backbone)
    (place / "mine.toml").write_text(recipe)
    done = pintower("run", "mine.toml", cwd=place)
    assert done.returncode == 0, done.stderr
    return place


def test_every_stage_leaves_a_complete_folder(place: Path) -> None:
    work = place / "artifacts" / "mine"
    for name in ("data", "teacher", "labels", "student", "evaluation", "export", "pins", "models",
                 "bench", "report"):  # fmt: skip
        assert (work / name / "manifest.json").is_file(), name
    for file in ("evaluation/metrics.json", "export/gates.json", "models/gates.json",
                 "models/release.json", "bench/results.json", "report/report.html"):  # fmt: skip
        assert (work / file).is_file(), file


def test_a_second_run_does_nothing_and_says_so(place: Path) -> None:
    done = pintower("run", "mine.toml", cwd=place)
    assert done.returncode == 0
    assert "Nothing to do" in done.stdout


def test_what_a_bench_of_three_rounds_measured_can_be_compared(place: Path) -> None:
    results = "artifacts/mine/bench/results.json"
    rows = json.loads((place / results).read_text())["rows"]
    assert [len(row["rounds"]) for row in rows] == [3, 3]
    assert [row["requests"] for row in rows] == [3 * 5, 3 * 5]  # of five queries in all
    done = pintower("bench", "compare", results, results, "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    compared = json.loads(done.stdout)["changes"]
    assert len(compared) == 4
    assert all(change["verdict"] == "noise" for change in compared)


def test_a_query_without_a_server_says_how_to_start_one(place: Path) -> None:
    done = pintower("query", "red shoes", "--workdir", "artifacts/mine", cwd=place)
    assert done.returncode == 2
    assert "pintower serve artifacts/mine/models" in done.stderr


def test_a_served_ranking_equals_the_offline_student(place: Path) -> None:
    from pintower.models.student import load_student
    from pintower.text.forward_index import build_forward_index
    from pintower.text.match_features import match_features

    work = place / "artifacts" / "mine"
    done = pintower(
        "query", "Red Shoes", "--start", "--json", "--workdir", "artifacts/mine", cwd=place
    )
    assert done.returncode == 0, done.stderr
    ranking = json.loads(done.stdout)["ranking"]
    assert len(ranking) == 10
    assert all(row["valid"] and 1 <= row["score"] <= 5 for row in ranking)

    student = load_student(work / "student")
    table = pl.read_parquet(work / "data" / "pins.parquet")
    pins = pl.concat([table.filter(pl.col("pin_id") == row["pin_id"]) for row in ranking])
    query = np.repeat(student.embed_queries(["Red Shoes"]), len(pins), axis=0)
    index = build_forward_index(pins.iter_rows(named=True))
    matches = match_features("red shoes", index, np.arange(len(pins)), student.statistics)
    probabilities = student.score(query, student.embed_pins(pins), matches)
    served = np.array([row["probabilities"] for row in ranking])
    np.testing.assert_allclose(served, probabilities, atol=0.02)  # int8 query encoder


def test_an_encoder_as_it_is_is_served_and_reported_without_a_teacher(
    place: Path, tiny_backbone: Path
) -> None:
    from pintower.client import Client
    from pintower.models.student import StudentLayout
    from pintower.models.untuned import untuned_embeddings
    from pintower.serving.addresses import free_addresses
    from pintower.serving.environment import ensure_environment
    from pintower.serving.server import TritonServer

    work = place / "artifacts" / "as-it-is"
    settings = ["--set", "student.method=encoder", "--set", "export.target=cpu-fp32"]
    done = pintower("run", "mine.toml", *settings, "--workdir", str(work), cwd=place)
    assert done.returncode == 0, done.stderr
    stages = {path.parent.name for path in work.glob("*/manifest.json")}
    assert stages == {"data", "student", "evaluation", "export", "pins", "models", "bench",
                      "report"}  # fmt: skip
    metrics = json.loads((work / "evaluation" / "metrics.json").read_text())
    assert set(metrics["models"]) == {"student", "bm25", "cosine"}

    rules = StudentLayout(work / "student").load_rendering()
    queries = ["red shoes", "a lemon cake for the garden"]
    wanted = untuned_embeddings(str(tiny_backbone), queries, rules.query_max_tokens)
    addresses = free_addresses()
    with (
        TritonServer(ensure_environment(), work / "models", addresses=addresses),
        Client(addresses.grpc_url) as client,
    ):
        served = np.stack([client.embed(query.title()) for query in queries])
    np.testing.assert_allclose(served, wanted, atol=1e-5)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_stopped_leaves_nothing_behind(place: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-c", "from pintower.cli import main; main()"]
    ports = ["--http-port", "18640", "--grpc-port", "18641", "--metrics-port", "18642"]
    server = subprocess.Popen(
        [*command, "serve", "artifacts/mine/models", *ports],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        state = place / "artifacts" / "mine" / ".server.json"
        deadline = time.monotonic() + 60
        while not state.is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        pid = json.loads(state.read_text())["pid"]
        done = pintower("query", "blue sofa", "--workdir", "artifacts/mine", cwd=place)
        assert done.returncode == 0, done.stderr
        assert "blue sofa" in done.stdout
    finally:
        server.send_signal(how)
        server.communicate(timeout=30)
    assert not state.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_build_serves_the_same_student_from_its_folder_alone(place: Path) -> None:
    arguments = ["build", "artifacts/mine/student", "--dataset", "pins-only", "--out", "built"]
    (place / "pins-only").mkdir()
    (place / "pins-only" / "pins.jsonl").write_bytes(
        (place / "dataset" / "pins.jsonl").read_bytes()
    )
    done = pintower(*arguments, "--target", "cpu-fp32", cwd=place)
    assert done.returncode == 0, done.stderr
    gates = json.loads((place / "built" / "models" / "gates.json").read_text())
    assert gates["passed"]
    assert pintower("check", "built/models", cwd=place).returncode == 0


def test_a_changed_repository_is_not_served_unless_asked_for(place: Path) -> None:
    config = place / "artifacts" / "mine" / "models" / "scorer" / "config.pbtxt"
    original = config.read_text()
    config.write_text(original + "# touched\n")
    try:
        done = pintower("serve", "artifacts/mine/models", cwd=place)
    finally:
        config.write_text(original)
    assert done.returncode == 1
    assert "scorer/config.pbtxt" in done.stderr
    assert "--unchecked" in done.stderr


def test_a_server_of_another_catalogue_is_not_mistaken_for_ones_own(place: Path) -> None:
    from pintower.serving.addresses import free_addresses
    from pintower.serving.environment import ensure_environment
    from pintower.serving.server import TritonServer

    (place / "other").mkdir()
    pins = [json.dumps({"pin_id": f"other-{n}", "title": THINGS[n % 5]}) for n in range(10)]
    (place / "other" / "pins.jsonl").write_text("\n".join(pins))
    student = "artifacts/mine/student"
    done = pintower("build", student, "--dataset", "other", "--out", "another", cwd=place)
    assert done.returncode == 0, done.stderr
    addresses = free_addresses()
    repository = place / "artifacts" / "mine" / "models"
    with TritonServer(ensure_environment(), repository, addresses=addresses):
        arguments = ["--workdir", "another", "--url", addresses.grpc_url]
        done = pintower("query", "red shoes", *arguments, cwd=place)
    assert done.returncode == 2
    assert "serves another release than another holds" in done.stderr
