"""Compare the cosine a release serves with the one sentence-transformers computes.

    .venv/bin/python bench/served_cosine.py artifacts/chorus artifacts/students/all-MiniLM-L6-v2

takes 400 judged pairs of the build's dataset, embeds each query through Triton, looks the pin up in
the served snapshot, and encodes the same texts with sentence-transformers, prompts included.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from pintower.artifacts import read_json
from pintower.bench.machine import commit, device, versions
from pintower.client import Client
from pintower.contracts import Contract
from pintower.data.tables import JUDGMENTS, PINS, read_table
from pintower.errors import PintowerError
from pintower.models.layout import StudentLayout
from pintower.models.pin_inputs import pin_texts
from pintower.models.pretrained import pretrained_folder
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ensure_environment
from pintower.serving.server import TritonServer
from pintower.snapshot import Snapshot
from pintower.text.rendering import Rendering, normalize_query

PAIRS = 400


def main() -> None:
    """Print the differences as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workdir", type=Path, help="what `pintower build --out` made")
    parser.add_argument("student", type=Path, help="the student it was built from")
    given = parser.parse_args()
    try:
        measure(given.workdir, given.student)
    except PintowerError as error:
        sys.exit(f"error: {error}")


def measure(workdir: Path, student: Path) -> None:
    """Compare both cosines on judged pairs.

    Raises:
        PintowerError: if a folder is incomplete or the server does not start.
    """
    release = read_json(workdir / "models" / "release.json")
    pins = read_table(workdir / "data", PINS)
    judged = read_table(workdir / "data", JUDGMENTS)
    if judged.is_empty():
        raise PintowerError(f"{workdir} was built from a dataset without judgments: no pairs.")
    pairs = judged.sample(min(PAIRS, len(judged)), seed=1).select("query", "pin_id")
    shown = pairs.join(pins, on="pin_id", maintain_order="left")
    queries = pairs["query"].to_list()
    rules = StudentLayout(student).load_rendering()
    name = read_json(student / "training.json")["query_encoder"]

    wanted = reference(name, queries, shown, rules)
    served = through_triton(workdir, queries, pairs["pin_id"].to_list())
    difference = np.abs(served - wanted)
    figures = {
        "encoder": name,
        "target": release["target"],
        "pairs": len(pairs),
        "max_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "commit": commit(),
        "device": device(),
        "versions": versions(),
    }
    sys.stdout.write("\n".join(f"{key}: {value}" for key, value in figures.items()) + "\n")


def reference(
    name: str, queries: list[str], pins: pl.DataFrame, rules: Rendering
) -> NDArray[np.float64]:
    """Return the cosines FP64 [N] of sentence-transformers."""
    encoder = SentenceTransformer(str(pretrained_folder(name)), device="cpu")
    encoder.max_seq_length = rules.query_max_tokens
    normal = [normalize_query(query, rules) for query in queries]
    left = encoder.encode(normal, prompt=rules.query_prefix, normalize_embeddings=True)
    encoder.max_seq_length = rules.pin_max_tokens
    right = encoder.encode(pin_texts(pins, rules), prompt="", normalize_embeddings=True)
    cosines: NDArray[np.float64] = np.einsum("nd,nd->n", left, right, dtype=np.float64)
    return cosines


def through_triton(workdir: Path, queries: list[str], pin_ids: list[str]) -> NDArray[np.float64]:
    """Return the products FP64 [N] of served query embeddings and the served snapshot's rows."""
    name = read_json(workdir / "pins" / "current.json")["snapshot"]
    snapshot = Snapshot.open(workdir / "pins" / "snapshots" / name)
    rows, known = snapshot.look_up([pin_id.encode() for pin_id in pin_ids])
    if not known.all():
        raise PintowerError(f"{workdir} serves {known.sum()} of the {len(known)} judged pins.")
    addresses = free_addresses()
    triton = Contract.load(workdir / "models" / "contract.json").target.triton
    with (
        TritonServer(ensure_environment(triton), workdir / "models", addresses=addresses),
        Client(addresses.grpc_url) as client,
    ):
        embedded = np.stack([client.embed(query) for query in queries])
    products: NDArray[np.float64] = np.einsum(
        "nd,nd->n", embedded, snapshot.embeddings(rows), dtype=np.float64
    )
    return products


if __name__ == "__main__":
    main()
