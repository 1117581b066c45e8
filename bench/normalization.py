"""What the normal form of queries is worth: cache hits, and ranking when users type as they do.

    .venv/bin/python bench/normalization.py artifacts/demo

replays the work folder's query log through an LRU of Triton's bytes, keyed by the token ids of
each query as it is written and of its normal form; then once more with a share of the requests
written otherwise (capitals, blanks, full-width letters), as a log that was cleaned does not show.
nDCG@20 of the student on held-out judgments is measured for the same writings, with and without
the normal form. Writes ``bench/results/<name>_normalization-<device>.json`` and ``.svg``.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from collect import RESULTS, keep
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pintower.bench.load import logged_queries
from pintower.bench.machine import commit, device, versions
from pintower.config import ExportConfig
from pintower.contracts import Contract
from pintower.errors import PintowerError
from pintower.export.judged import JudgedPairs
from pintower.export.reference import Reference
from pintower.figures import COLOURS, INK, plot_style, to_svg
from pintower.metrics.ranking import ndcg
from pintower.models.embedding import embed_texts
from pintower.models.student import Student, load_student
from pintower.models.tokenization import load_tokenizer
from pintower.serving.cache_model import entry_bytes, replay
from pintower.text.rendering import render_query

MIB = 2**20
SIZE = 4 * MIB
SHARE = 0.3
WRITINGS: Mapping[str, Callable[[str], str]] = {
    "as logged": str,
    "Capitalized": str.title,
    "SHOUTED": str.upper,
    "blanks": lambda text: f" {text.replace(' ', '  ')} ",
    "full width": lambda text: "".join(
        chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text
    ),
}
LABELS = {"bytes": "bytes as they come", "plain": "token ids", "normal": "and normal form"}
METHOD = (
    "hits: the log through an LRU of the local cache's bytes (4 MiB, and one that drops nothing), "
    "one request at a time, keyed by the bytes as they come, by the token ids of the text as it is "
    "written (plain), and by those of its normal form (normal). "
    "typed: the same log with 30 % of the requests written otherwise, drawn evenly from the other "
    "writings (simulated, seeded). ndcg: the student in torch on held-out judged queries, each "
    "query written so, with and without the normal form in front of the query encoder."
)


def main() -> None:
    """Measure, write the result and the plot, print the headline."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workdir", type=Path, help="work folder of a finished run")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    try:
        result = measure(given.workdir)
    except PintowerError as error:
        sys.exit(f"error: {error}")
    keep(result, plot(result["rows"]), given.out)


def measure(workdir: Path) -> dict[str, Any]:
    """Return the whole result.

    Raises:
        PintowerError: if the folder is not finished, or has no log or no judgments.
    """
    student = load_student(workdir / "student")
    contract = Contract.load(workdir / "models" / "contract.json")
    log = logged_queries(workdir / "data")
    rows = [
        hit_row(name, queries, student, contract)
        for name, queries in (("as logged", log), ("typed", typed(log)))
    ]
    rows += ndcg_rows(student, workdir / "data")
    told = {(row["what"], row["writing"]): row for row in rows}
    ranked = [row for row in rows if row["what"] == "ndcg"]
    return {
        "name": f"{workdir.resolve().name}_normalization",
        "command": "python bench/normalization.py WORKDIR",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "method": METHOD,
        "requests": len(log),
        "rows": rows,
        "headline": {
            **{
                f"{name}_hit_rate_{how}": told["hits", writing][how]
                for name, writing in (("log", "as logged"), ("typed", "typed"))
                for how in ("bytes", "plain", "normal")
            },
            "ndcg_worst_plain": min(row["plain"] for row in ranked),
            "ndcg_worst_normal": min(row["normal"] for row in ranked),
        },
    }


def typed(log: Sequence[str]) -> list[str]:
    """Return a log of which a share is written otherwise."""
    random = np.random.default_rng(7)
    writings = list(WRITINGS.values())[1:]
    chosen = np.where(
        random.random(len(log)) < SHARE, random.integers(len(writings), size=len(log)), -1
    )
    return [
        query if which < 0 else writings[which](query)
        for query, which in zip(log, chosen.tolist(), strict=True)
    ]


def hit_row(
    writing: str, queries: Sequence[str], student: Student, contract: Contract
) -> dict[str, Any]:
    """Return the hit rates of a log, keyed with and without the normal form."""
    size = entry_bytes(contract.graphs["query_encoder"].outputs, {"batch": 1})
    keys: dict[str, Sequence[Any]] = {"bytes": queries}
    keys |= {how: token_ids(student, texts) for how, texts in forms(queries, student).items()}
    found: dict[str, Any] = {"what": "hits", "writing": writing}
    for how, chosen in keys.items():
        hits = replay(((key, size) for key in chosen), [SIZE, None])
        bounded, unbounded = (round(count / len(queries), 4) for count in hits)
        found |= {how: bounded, f"{how}_limit": unbounded, f"{how}_distinct": len(set(chosen))}
    return found


def ndcg_rows(student: Student, data: Path) -> list[dict[str, Any]]:
    """Return nDCG@20 of each writing, with and without the normal form."""
    judged = Reference(ExportConfig(ranking_queries=1_000_000), student, data).judged
    if judged is None:
        return []
    rows = []
    for writing, write in WRITINGS.items():
        queries = [write(query) for query in judged.pairs.queries]
        row: dict[str, Any] = {"what": "ndcg", "writing": writing}
        for how, texts in forms(queries, student).items():
            row[how] = round(mean_ndcg(student, judged, embed(student, texts)), 4)
        rows.append(row)
    return rows


def forms(queries: Sequence[str], student: Student) -> dict[str, list[str]]:
    """Return what the query encoder would see without and with the normal form."""
    rendering = student.rendering
    return {
        "plain": [rendering.query_prefix + query for query in queries],
        "normal": [render_query(query, rendering) for query in queries],
    }


def token_ids(student: Student, texts: Sequence[str]) -> list[tuple[int, ...]]:
    """Return each text's token ids, which are the cache's key."""
    tokenizer = load_tokenizer(student.layout.query_encoder, student.rendering.query_max_tokens)
    return [tuple(encoding.ids) for encoding in tokenizer.encode_batch_fast(list(texts))]


def embed(student: Student, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the query encoder's embeddings FP32 [N, D]."""
    tokenizer = load_tokenizer(student.layout.query_encoder, student.rendering.query_max_tokens)
    return embed_texts(student.query_encoder, tokenizer, texts)


def mean_ndcg(student: Student, judged: JudgedPairs, queries: NDArray[np.float32]) -> float:
    """Return the mean nDCG@20 over judged queries."""
    scores = judged.scores(student, queries=queries)
    asked = judged.pairs.query
    values = [
        ndcg(judged.levels[asked == number], scores[asked == number])
        for number in range(len(queries))
    ]
    return float(np.mean(values))


def plot(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return both measures, with and without the normal form, as SVG."""
    with plot_style():
        figure = Figure(figsize=(7.2, 3.4))
        for place, (what, label) in enumerate((("hits", "cache hits"), ("ndcg", "nDCG@20"))):
            axes = figure.add_subplot(1, 2, place + 1)
            chosen = [row for row in rows if row["what"] == what]
            for number, (how, name) in enumerate(LABELS.items()):
                if how in chosen[0]:
                    across = np.arange(len(chosen)) + 0.27 * number
                    heights = [row[how] for row in chosen]
                    axes.bar(across, heights, 0.25, color=COLOURS[number], label=name)
            names = [row["writing"] for row in chosen]
            axes.set_xticks(np.arange(len(chosen)) + 0.27, names, rotation=30, ha="right")
            axes.set_ylabel(label)
            axes.set_ylim(0, 1)
            if what == "hits":
                axes.legend(frameon=False, labelcolor=INK, loc="lower left", bbox_to_anchor=(0, 1))
        figure.tight_layout()
    return to_svg(figure)


if __name__ == "__main__":
    main()
