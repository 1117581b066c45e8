"""Is what Triton serves of an encoder what the library that wrote its folder embeds?

    .venv/bin/python bench/generations.py ENVIRONMENTS TEXTS

For each generation of sentence-transformers in ``tests/fixtures/make_generations.py``: its own
environment (made under ENVIRONMENTS) loads all-MiniLM-L6-v2, saves it, and embeds the lines of the
file TEXTS. The folder that it saved goes through ``pintower student from-encoder`` and ``build``,
and the local Triton embeds the same lines. Writes ``bench/results/generations-<device>.json``.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from collect import RESULTS, device_name, print_row
from numpy.typing import NDArray

from pintower.artifacts import read_json, write_json
from pintower.bench.machine import commit, device, versions
from pintower.client import Client
from pintower.contracts import Contract
from pintower.errors import PintowerError
from pintower.models.pretrained import pretrained_folder
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ensure_environment
from pintower.serving.server import TritonServer

ENCODER = "all-MiniLM-L6-v2"
FIXTURES = Path(__file__).resolve().parents[1] / "tests" / "fixtures"
METHOD = (
    "Each generation's own environment saves all-MiniLM-L6-v2 and embeds each text alone with "
    "encode(). min_cosine and max_abs: of those embeddings and what query_embedding answers "
    "through Triton, target cpu-fp32, local backend. student_s and build_s: the two commands' "
    "time, gates included, on a machine that does other things too: no measure of speed."
)
_WRITE = """
import json, sys
from sentence_transformers import SentenceTransformer, __version__
import transformers
source, folder, texts, out = sys.argv[1:]
encoder = SentenceTransformer(source, device="cpu")
encoder.save(folder, create_model_card=False)
lines = json.load(open(texts))
told = {"sentence_transformers": __version__, "transformers": transformers.__version__}
rows = encoder.encode(lines, batch_size=1, show_progress_bar=False).tolist()
json.dump({**told, "embeddings": rows}, open(out, "w"))
"""


def main() -> None:
    """Measure every generation, write the result, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("environments", type=Path, help="where the generations are installed")
    parser.add_argument("texts", type=Path, help="real texts, one a line")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    texts = [line for line in given.texts.read_text("utf-8").splitlines() if line.strip()]
    sys.path.insert(0, str(FIXTURES))
    generations = importlib.import_module("make_generations")
    rows = []
    try:
        for name in generations.GENERATIONS:
            python = generations.environment(given.environments.resolve(), name)
            with tempfile.TemporaryDirectory(prefix="pintower-") as folder:
                rows.append({"generation": name, **measure(python, texts, Path(folder))})
    except PintowerError as error:
        sys.exit(f"error: {error}")
    result = {
        "name": "generations",
        "command": "python bench/generations.py ENVIRONMENTS TEXTS",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "method": METHOD,
        "rows": rows,
        "headline": {"generations_min_cosine": min(row["min_cosine"] for row in rows)},
    }
    given.out.mkdir(parents=True, exist_ok=True)
    write_json(given.out / f"generations-{device_name(result['device'])}.json", result)
    print_row(list(rows[0]))
    print_row(["---"] * len(rows[0]))
    for row in rows:
        print_row([str(value) for value in row.values()])


def measure(python: Path, texts: list[str], folder: Path) -> dict[str, Any]:
    """Return how far a generation's folder is served from its own embeddings.

    Raises:
        PintowerError: if the server does not start.
    """
    lines, told = folder / "texts.json", folder / "told.json"
    lines.write_text(json.dumps(texts))
    source = str(pretrained_folder(ENCODER))
    arguments = [source, str(folder / "encoder"), str(lines), str(told)]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([str(python), "-c", _WRITE, *arguments], check=True, env=clean)
    own = json.loads(told.read_text())
    data = folder / "dataset"
    data.mkdir()
    pins = (json.dumps({"pin_id": str(row), "title": text}) for row, text in enumerate(texts))
    (data / "pins.jsonl").write_text("\n".join(pins) + "\n")
    dataset = ["--dataset", str(data), "--out"]
    student_s = timed("student", "from-encoder", arguments[1], *dataset, str(folder / "student"))
    build_s = timed(
        "build", str(folder / "student"), "--target", "cpu-fp32", *dataset, str(folder / "build")
    )
    served = through_triton(folder / "build" / "models", texts)
    wanted = np.array(own.pop("embeddings"))
    cosines = (served * wanted).sum(axis=1) / np.linalg.norm(wanted, axis=1)
    cosines /= np.linalg.norm(served, axis=1)
    return {
        **own,
        "modules": len(read_json(folder / "encoder" / "modules.json")),
        "texts": len(texts),
        "min_cosine": round(float(cosines.min()), 9),
        "max_abs": float(f"{np.abs(served - wanted).max():.2g}"),
        "student_s": student_s,
        "build_s": build_s,
    }


def timed(*arguments: str) -> int:
    """Run a command of pintower; return its seconds."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "pintower", *arguments], check=True)
    return round(time.monotonic() - started)


def through_triton(models: Path, texts: list[str]) -> NDArray[np.float64]:
    """Return the served embeddings FP64 [N, D] of N texts."""
    addresses = free_addresses()
    triton = Contract.load(models / "contract.json").target.triton
    with (
        TritonServer(ensure_environment(triton), models, addresses=addresses),
        Client(addresses.grpc_url) as client,
    ):
        return np.stack([client.embed(text) for text in texts]).astype(np.float64)


if __name__ == "__main__":
    main()
