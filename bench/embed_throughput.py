"""How many pins a second, beside sentence-transformers with the same weights and texts?

    .venv/bin/python bench/embed_throughput.py --movies MSRD --products CHORUS

makes a student of all-MiniLM-L6-v2 on the movies, exports it with its pin encoder in int8 and in
bf16, and embeds 10,000 real texts (every movie, the rest products) with both and with
sentence-transformers' `encode` (torch fp32, torch bf16, ONNX int8, OpenVINO int8 and as OpenVINO
loads it by default), each sorted by length, in interleaved rounds. Ranks the movies for every
judged query by cosine, so that speed never stands without its cost in nDCG. Writes
``bench/results/embed_throughput-<device>.json`` and ``.svg``. Both datasets as they are downloaded,
see the README.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from collect import RESULTS, keep, print_row
from embed_headline import headline
from judged import Judged, unit
from matplotlib.figure import Figure
from numpy.typing import NDArray
from peers.client import Worker
from peers.competitors import Competitor
from peers.environments import open_environment
from peers.exports import named_folder
from peers.preparation import Preparation

from pintower.bench.machine import commit, device, versions
from pintower.config import PinsConfig
from pintower.data.reader import read_dataset
from pintower.errors import PintowerError, SetupError
from pintower.figures import COLOURS, INK, plot_style, to_svg
from pintower.gates import read_gates
from pintower.models.pin_inputs import pin_texts
from pintower.models.student import load_student
from pintower.pins.embedder import PinEmbedder

# As the command line and the peers have it.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

TEXTS = 10_000
CALIBRATION = 150
ENCODER = "all-MiniLM-L6-v2"
PINTOWER = Path(sys.executable).with_name("pintower")
REFERENCE = "torch fp32"
OURS: Mapping[str, tuple[str, Sequence[str]]] = {
    "pintower int8": ("", ()),
    "pintower bf16": ("bf16", ("--pin-precision", "bf16,fp32")),
}
"""Where in the work folder each is built, and with what options; fp32 is taken where bf16 fails."""
PEERS: Mapping[str, Mapping[str, str]] = {
    REFERENCE: {"backend": "torch", "file": ""},
    "torch bf16": {"backend": "torch", "file": "", "dtype": "bfloat16"},
    "ONNX int8": {"backend": "onnx", "file": "model_qint8_avx512_vnni.onnx"},
    "OpenVINO": {"backend": "openvino", "file": "openvino_model.xml"},
    "OpenVINO int8": {"backend": "openvino", "file": "openvino_model_qint8_quantized.xml"},
}
PREPARED = {"torch": "", "onnx": "sentence_onnx", "openvino": "sentence_openvino"}
"""Files that a backend needs."""
METHOD = (
    "Texts in, embeddings FP32 out, tokenizer included, all texts in one call: pintower's pin "
    "encoder as `pintower embed` runs it, in int8 as cpu-int8-static has it and in bf16, and "
    "SentenceTransformer.encode(batch_size=32), which sorts by length itself. As many threads as "
    "cores, a process each (pintower's two share one), rounds interleaved, one call on 500 texts "
    "before. speed: texts a second, median; ratio: median of the rounds' to torch fp32. Texts are "
    "cut at the same number of tokens. nDCG@10: the movies judged for a query, ranked by the "
    "cosine of their embeddings and the query's in torch fp32; loss against torch fp32's movies "
    "as a share of it, standard error paired by query. OpenVINO int8 is calibrated on other "
    "movies' texts than pintower's, as many. best_peer_ratio: each peer is held to the fastest of "
    "pintower's that loses no more, within the standard error; the least of these ratios."
)
_CLOSE = (1.0, 0.001)
"""Another point so near on the right, in speed and in loss, would lie under a name."""

Embed = Callable[[Path, Path], float]
"""Texts of a JSON file to vectors in a ``.npy``; returns seconds."""


def main() -> None:
    """Measure, write the result and the plot, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--movies", type=Path, required=True, help="MSRD's folder")
    parser.add_argument("--products", type=Path, required=True, help="Chorus's folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workdir", type=Path, default=Path("artifacts/embed_throughput"))
    parser.add_argument("--peers-env", action="append", default=[], metavar="KEY=VENV")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        measure(given)
    except PintowerError as error:
        sys.exit(f"error: {error}")


def measure(given: argparse.Namespace) -> None:
    """Make the student, measure everybody, write the result."""
    student = made_student(given.movies, given.workdir)
    embedders, left_out = opened(student, given.workdir)
    embedder = next(iter(embedders.values()))
    texts, judged, calibration = real_texts(student, given.movies, given.products)
    environment = open_environment("sentence", dict(map(named_folder, given.peers_env)))
    limit = embedder.keys.rendering.pin_max_tokens
    files = Preparation.plan(student / "pin_encoder", environment, calibration, limit)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        embeds: dict[str, Embed] = {}
        for peer, options in PEERS.items():
            needs = PREPARED[options["backend"]]
            try:
                if needs:
                    files.make(needs)
                place = files.folder(needs) if needs else files.encoder.resolve()
                spec = {
                    **options, "folder": str(place), "max_tokens": limit, "threads": cores(),
                }  # fmt: skip
                competitor = Competitor(peer, "peer", "", "sentence", "sentence", spec)
                embeds[peer] = asked(stack.enter_context(Worker(competitor, environment, None)))
            except SetupError as error:
                left_out[peer] = str(error)
                logging.info("left out: %s: %s", peer, error)
        embeds |= {name: ours(found) for name, found in embedders.items()}
        seconds, vectors = rounds(embeds, texts, folder, given.rounds)
    rows = summarized(seconds, vectors, judged, len(texts))
    result = {
        "name": "embed_throughput",
        "command": "python bench/embed_throughput.py --movies MSRD --products CHORUS",
        "commit": commit(),
        "device": device(),
        "versions": {**versions("sentence-transformers"), "peers": dict(environment.versions)},
        "method": METHOD,
        "encoder": ENCODER,
        "batch_tokens": {name: found.batch_tokens for name, found in embedders.items()},
        "texts": len(texts),
        "max_tokens": limit,
        "tokens": tokens_of(embedder, texts),
        "judged_queries": len(judged.queries),
        "left_out": left_out,
        "rows": rows,
        "headline": headline(rows, OURS),
    }
    keep(result, figure(rows), given.out)
    print_row(["", "texts/s", "against torch fp32", "nDCG@10 lost", "least cosine"])
    print_row(["---"] * 5)
    for row in rows:
        loss = f"{row['ndcg_loss_rel']:+.2%} (± {row['standard_error']:.2%})"
        speed = (f"{row['texts_per_second']:.0f}", f"{row['ratio']:.2f} x")
        print_row([row["system"], *speed, loss, f"{row['min_cosine']:.4f}"])


def made_student(movies: Path, workdir: Path) -> Path:
    """Return the student of the encoder, made and exported unless it is there."""
    student = workdir / "student"
    build = ["build", student, "--dataset", movies, "--no-served-gates", "--out"]
    commands = [
        ["student", "from-encoder", ENCODER, "--dataset", movies, "--out", student],
        *([*build, workdir / folder, *options] for folder, options in OURS.values()),
    ]
    for command in commands[student.is_dir() :]:
        done = subprocess.run([PINTOWER, *command], stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise PintowerError(f"pintower {command[0]} ended with {done.returncode}.")
    return student


def opened(student: Path, workdir: Path) -> tuple[dict[str, PinEmbedder], dict[str, str]]:
    """Return the exported pin encoders, and why others are not in the precision they are to be."""
    embedders, left_out = {}, {}
    for name, (folder, _) in OURS.items():
        export = workdir / folder / "export"
        gates = {item.name: item for item in read_gates(export / "gates.json")}
        if refused := gates["pin_encoder.precision"].detail["refused"]:
            left_out[name] = "; ".join(next(iter(refused.values())))
            logging.info("left out: %s: %s", name, left_out[name])
        else:
            embedders[name] = PinEmbedder.load(PinsConfig(), student, export)
    if not embedders:
        raise PintowerError(f"No pin encoder passed its gates: {left_out}")
    return embedders, left_out


def real_texts(folder: Path, movies: Path, products: Path) -> tuple[list[str], Judged, list[str]]:
    """Return the texts, all movies first; the judged pairs; texts to calibrate a peer on."""
    student = load_student(folder)
    dataset = read_dataset(movies)
    more = read_dataset(products).pins.head(max(0, TEXTS - len(dataset.pins)))
    texts = [*pin_texts(dataset.pins, student.rendering), *pin_texts(more, student.rendering)]
    judged = Judged.of(student, dataset.pins, dataset.judgments)
    drawn = np.random.default_rng(3).choice(len(dataset.pins), CALIBRATION, replace=False)
    return texts[:TEXTS], judged, [texts[row] for row in drawn]


def asked(worker: Worker) -> Embed:
    """Return a peer's process as a function."""
    return lambda texts, out: float(
        worker.ask("embed_all", texts=str(texts), out=str(out))["seconds"]
    )


def ours(embedder: PinEmbedder) -> Embed:
    """Return the exported pin encoder as a function."""

    def embed(texts: Path, out: Path) -> float:
        given = json.loads(texts.read_text("utf-8"))
        began = time.perf_counter()
        vectors = embedder.encoder.embed(given, batch_tokens=embedder.batch_tokens)
        seconds = time.perf_counter() - began
        np.save(out, vectors)
        return seconds

    return embed


def rounds(
    embeds: Mapping[str, Embed], texts: Sequence[str], folder: Path, count: int
) -> tuple[dict[str, list[float]], dict[str, NDArray[np.float32]]]:
    """Return everybody's seconds, a round each, and vectors."""
    few, every, out = (folder / name for name in ("few.json", "texts.json", "vectors.npy"))
    few.write_text(json.dumps(texts[::20]), "utf-8")
    every.write_text(json.dumps(list(texts)), "utf-8")
    seconds: dict[str, list[float]] = {name: [] for name in embeds}
    vectors = {}
    for embed in embeds.values():
        embed(few, out)
    for number in range(count):
        for name, embed in embeds.items():
            seconds[name].append(embed(every, out))
            vectors[name] = np.load(out)
            logging.info("round %d, %s: %.1f s", number + 1, name, seconds[name][-1])
    return seconds, vectors


def summarized(
    seconds: Mapping[str, Sequence[float]],
    vectors: Mapping[str, NDArray[np.float32]],
    judged: Judged,
    texts: int,
) -> list[dict[str, Any]]:
    """Return a row of figures for everybody."""
    reference = judged.per_query(vectors[REFERENCE])
    rows = []
    for name, taken in seconds.items():
        loss, error = judged.loss(vectors[name], reference)
        cosines = np.einsum("nd,nd->n", unit(vectors[name]), unit(vectors[REFERENCE]))
        ratios = [theirs / mine for theirs, mine in zip(seconds[REFERENCE], taken, strict=True)]
        rows.append(
            {
                "system": name,
                "texts_per_second": round(texts / float(np.median(taken)), 1),
                "ratio": round(float(np.median(ratios)), 3),
                "ratios": [round(ratio, 3) for ratio in ratios],
                "seconds": [round(value, 2) for value in taken],
                "ndcg": round(float(reference.mean() * (1 - loss)), 5),
                "ndcg_loss_rel": round(loss, 5),
                "standard_error": round(error, 5),
                "mean_cosine": round(float(cosines.mean()), 5),
                "min_cosine": round(float(cosines.min()), 5),
            }
        )
    return rows


def figure(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return SVG: speed against loss."""
    with plot_style():
        drawn = Figure(figsize=(6.5, 3.2))
        axes = drawn.subplots()
        for row in rows:
            colour = COLOURS[0] if row["system"] in OURS else COLOURS[2]
            place = (row["ratio"], 100 * row["ndcg_loss_rel"])
            axes.errorbar(*place, yerr=100 * row["standard_error"], fmt="o", color=colour)
            left = any(
                0 < other["ratio"] - row["ratio"] < _CLOSE[0]
                and abs(other["ndcg_loss_rel"] - row["ndcg_loss_rel"]) < _CLOSE[1]
                for other in rows
            )
            axes.annotate(row["system"], place, xytext=(-6 if left else 6, 4),
                          textcoords="offset points", ha="right" if left else "left",
                          fontsize=8, color=INK)  # fmt: skip
        axes.set_xlabel("speed, times torch fp32", color=INK)
        axes.set_ylabel("nDCG@10 lost, %", color=INK)
        axes.margins(x=0.25, y=0.2)
        drawn.tight_layout()
    return to_svg(drawn)


def tokens_of(embedder: PinEmbedder, texts: Sequence[str]) -> dict[str, float]:
    """Return how long the texts are."""
    encodings = embedder.encoder.tokenizer.encode_batch_fast(list(texts))
    lengths = [len(encoding) for encoding in encodings]
    return {"mean": round(float(np.mean(lengths)), 1), "p50": float(np.median(lengths)),
            "max": float(max(lengths))}  # fmt: skip


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    main()
