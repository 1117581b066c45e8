"""Loads one competitor and answers commands, a JSON line each, with timings taken in this process.

    cd bench && python -m peers.workers MODULE SPEC

MODULE is a loader of this package, SPEC its arguments as JSON; ``core`` pins the process to one
core. The first line says that it is ready. Commands:

    {"do": "forward", "ids": [[...], ...], "warmup": N}    milliseconds of each encoder run
    {"do": "encode", "texts": [...], "warmup": N}          milliseconds of each text
    {"do": "embed", "texts": [...]}                        vectors
    {"do": "embed_all", "texts": FILE, "out": FILE}        seconds for all texts together

``embed_all`` reads a JSON list and writes the vectors as ``.npy``.

The first N inputs are run and not reported. It ends when stdin does.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .peer import Peer


def main(module: str, spec: dict[str, Any]) -> None:
    """Answer commands until there are no more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    if spec["core"] is not None:
        os.sched_setaffinity(0, {spec["core"]})
    peer = importlib.import_module(f"{__package__}.{module}").load(spec)

    def send(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    send({"encoder_only": peer.encoder is not None})
    for line in sys.stdin:
        send(answer(peer, json.loads(line)))


def answer(peer: Peer, command: dict[str, Any]) -> dict[str, Any]:
    """Carry out one command."""
    if command["do"] == "embed":
        return {"vectors": [peer.encode(text).tolist() for text in command["texts"]]}
    if command["do"] == "embed_all":
        return {"seconds": embed_all(peer, command["texts"], command["out"])}
    if command["do"] == "encode":
        return {"ms": milliseconds(peer.encode, command["texts"], command["warmup"])}
    if peer.encoder is None:
        raise ValueError("This competitor encodes texts only.")
    inputs = [peer.encoder.prepare(ids) for ids in command["ids"]]
    return {"ms": milliseconds(peer.encoder.forward, inputs, command["warmup"])}


def embed_all(peer: Peer, texts: str, out: str) -> float:
    """Embed all texts of a file; return the seconds that took, reading and writing left out."""
    if peer.encode_all is None:
        raise ValueError("This competitor encodes one text at a time.")
    with open(texts, encoding="utf-8") as file:
        given = json.load(file)
    began = time.perf_counter()
    vectors = peer.encode_all(given)
    seconds = time.perf_counter() - began
    np.save(out, vectors)
    return seconds


def milliseconds(run: Callable[[Any], Any], inputs: Sequence[Any], warmup: int) -> list[float]:
    """Time each call by itself; the first ``warmup`` ones are left out."""
    taken = []
    for value in inputs:
        began = time.perf_counter()
        run(value)
        taken.append(1000 * (time.perf_counter() - began))
    return taken[warmup:]


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
