"""The same student gives the same bytes, whatever else is different about the process.

Within one process a set of strings always has the same order. Between two it has not, unless the
seed of their hashes is the same; so each build here has a process, a seed and folders of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pintower.targets import GRAPHS, load_target
from tests.test_targets import TARGETS

BUILD = """
import json, sys
from pathlib import Path
import numpy as np
from pintower.config import ExportConfig
from pintower.targets import load_target
from pintower.export.build import GraphBuilder
from pintower.export.reference import Reference
from pintower.export.samples import token_batches
from pintower.models.student import load_student

student, data, folder, *wanted = sys.argv[1:]
student = load_student(Path(student))
reference = Reference(ExportConfig(), student, Path(data))
texts = ["red shoes", "a", "lemon cake for a birthday", "blue sofa"]
vectors = np.ones((len(texts), 4), np.float32)
batches = {
    "query_encoder": token_batches(reference.query_tokenizer, texts),
    "pin_encoder": token_batches(reference.pin_tokenizer, texts, vectors),
}
made = {}
for item in wanted:
    target, graph, precision = item.split()
    builder = GraphBuilder(student, load_target(target), Path(folder), batches.__getitem__)
    made[item] = builder.build(graph, precision).sha256
print(json.dumps(made))
"""


def combinations() -> list[str]:
    """Return ``target graph precision`` of every graph that any target has built."""
    found = {}
    for name in TARGETS:
        target = load_target(name)
        kind = target.accelerator and target.accelerator.kind
        for graph in GRAPHS:
            for precision in target.precision[graph]:
                found.setdefault((graph, precision, kind), f"{name} {graph} {precision}")
    return list(found.values())


def start(student: Path, data: Path, folder: Path, seed: int) -> subprocess.Popen[str]:
    temporary = folder / "temporary"
    temporary.mkdir(parents=True)
    variables = {
        **os.environ,
        "PYTHONHASHSEED": str(seed),
        "TMPDIR": str(temporary),
        "OMP_NUM_THREADS": str(seed),
    }
    command = [sys.executable, "-c", BUILD, str(student), str(data), str(folder), *combinations()]
    return subprocess.Popen(
        command,
        env=variables,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_every_graph_of_every_target_has_the_same_bytes_in_every_process(
    tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    places = (tmp_path / "first", tmp_path / "another" / "place")
    running = [
        start(tiny_student, data, folder, seed) for seed, folder in enumerate(places, start=1)
    ]
    results = []
    for process in running:
        printed, words = process.communicate(timeout=300)
        assert process.returncode == 0, words
        results.append(json.loads(printed.splitlines()[-1]))
    first, second = results
    assert first.keys() == set(combinations())
    assert first == second
    assert {item.split()[2] for item in first} >= {"fp32", "fp16", "int8-dynamic", "int8-mixed"}
