"""Measure the encoder, the served ensembles and the offline pins on one NVIDIA GPU.

    bench/gpu/run.sh CARRIED

runs this with the interpreters that it made; ``--device cpu --quick`` rehearses it without a GPU.
Writes ``bench/results/gpu-<device>.json`` (a rehearsal: ``gpu_rehearsal-<device>.json``) while it
measures, so that an interrupted run keeps what it has.
"""

import argparse
import importlib.metadata
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.collect import RESULTS, device_name
from bench.served.headline import throughput_within
from pintower.artifacts import write_json
from pintower.bench.machine import commit, device, versions

from . import encoder, pins, served
from .section import Row, Section, Settings, followed, read_rows

__all__ = ["context", "headline", "main"]

SECTIONS: Mapping[str, tuple[Section, float]] = {
    "pins": (pins.measure, 0.25),
    "served": (served.measure, 0.3),
    "encoder": (encoder.measure, 0.45),
}
"""What is measured, and its share of the minutes; what one leaves over, the later ones share."""

METHOD = (
    "Each section in a process of its own, with a share of the minutes; what fails or does not "
    "get its turn is a row with its reason. encoder: ids in CPU memory to embeddings in CPU "
    "memory, so the device is synchronized within each call; exactly so many tokens, real queries "
    "of the log (joined and cut where too few are that long), graphs at that length; interleaved "
    "rounds, the first calls of a visit not counted; min_cosine to torch fp32 on the same device. "
    "served: genuine tritonserver and perf_analyzer, closed loop, gRPC on loopback, graphs in "
    "pintower's strict python-based onnxruntime backend; unique: every query new to a cache too "
    "small to hold one pass; log: the log's first requests, a fresh server for each number in "
    "flight. pins: batches of similar length by a budget of tokens, padding included; tokenizer "
    "timed beside; min_cosine as above."
)
CUDA_PACKAGES = ("torch", "triton", "transformers", "nvidia-cublas", "nvidia-cudnn-cu13")
LIMITS_MS = (5, 10)


def main() -> None:
    """Measure and print the headline; exit code 1 where a section found nothing at all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("carried", type=Path, help="folder that prepare.sh made")
    add("--device", choices=("cuda", "cpu"), default="cuda")
    add("--quick", action="store_true", help="few cells, few calls: a rehearsal")
    add("--only", action="append", choices=tuple(SECTIONS), help="these sections alone")
    add("--minutes", type=float, default=16.0, help="for all sections together")
    add("--tensorrt", type=Path, help="folder with libnvinfer.so.10 and its parser and plugins")
    add(
        "--any-onnxruntime",
        action="store_true",
        help="serve with another ONNX Runtime than Triton 24.10's, which needs CUDA 12",
    )
    add("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the section, too
    chosen = {name: SECTIONS[name] for name in given.only or SECTIONS}
    tensorrt = given.tensorrt.resolve() if given.tensorrt else None
    machine = described_device(given.device)
    name = "gpu" if given.device == "cuda" else "gpu_rehearsal"
    place = given.out / f"{name}-{file_part(machine)}.json"
    given.out.mkdir(parents=True, exist_ok=True)
    facts = {
        "name": name,
        "command": f"bench/gpu/run.sh CARRIED {' '.join(options(given))}".strip(),
        "commit": commit() or carried_commit(given.carried),
        "device": machine,
        "versions": {**versions(), **more_versions()},
        "method": METHOD,
        "context": context(),
    }
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="pintower-gpu-") as temporary:
        told = Path(temporary) / "rows.jsonl"

        def keep() -> None:
            rows[:] = read_rows(told)
            write_json(place, {**facts, "rows": rows, "headline": headline(rows)})

        end = time.monotonic() + 60 * given.minutes
        shares = sum(share for _, share in chosen.values())
        for section, (measure, share) in chosen.items():
            seconds = max(0.0, end - time.monotonic()) * share / shares
            shares -= share
            sys.stderr.write(f"{section}: at most {seconds:.0f} s\n")
            settings = Settings(
                given.carried.resolve(),
                given.device,
                given.quick,
                seconds,
                tensorrt,
                given.any_onnxruntime,
            )
            followed(section, measure, settings, told, keep)
    failed = [row for row in rows if "reason" in row]
    for row in failed:
        words = " ".join(str(value) for key, value in row.items() if key != "reason")
        sys.stderr.write(f"{words}: {row['reason']}\n")
    json.dump(headline(rows), sys.stdout, indent=2)
    sys.stdout.write(f"\n{len(rows) - len(failed)} rows, {len(failed)} with a reason: {place}\n")
    found = {row["section"] for row in rows if "reason" not in row and "server_versions" not in row}
    sys.exit(0 if found >= chosen.keys() else 1)


def headline(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the few figures that matter, by name; those that were not measured are absent."""
    figures: dict[str, float | None] = {}
    measured = [row for row in rows if "reason" not in row]
    single = [row for row in measured if (row.get("tokens"), row.get("batch")) == (16, 1)]
    for row in single:
        figures[f"{_key(row['contender'])}_16_tokens_p50_ms"] = row["p50_ms"]
    loads: dict[str, list[Mapping[str, Any]]] = {}
    for row in measured:
        if "load" in row:
            loads.setdefault(f"{row['target']}_{row['model']}_{row['load']}", []).append(row)
    for name, points in loads.items():
        one = next((point for point in points if point["concurrency"] == 1), None)
        if one is not None:
            figures[f"{_key(name)}_p50_ms"] = one["p50_ms"]
            figures[f"{_key(name)}_p99_ms"] = one["p99_ms"]
        for limit in LIMITS_MS:
            found = throughput_within(points, limit) or None
            figures[f"{_key(name)}_per_second_p99_below_{limit}_ms"] = found
    if ours := next((row for row in measured if row.get("contender") == pins.OURS), None):
        figures["embed_speedup_vs_torch_fp32"] = ours.get("ratio")
        peers = [row for row in measured if "ratio" in row and row["contender"] != pins.OURS]
        best = max((row["texts_per_second"] for row in peers), default=None)
        figures["embed_best_peer_ratio"] = best and round(ours["texts_per_second"] / best, 3)
        figures["embed_ndcg_loss_rel"] = ours.get("ndcg_loss_rel")
    rates = [row for row in measured if "texts_per_second" in row]
    for row in sorted(rates, key=lambda row: row["texts_per_second"]):
        figures[f"pins_{_key(row['contender'])}_texts_per_second"] = row["texts_per_second"]
    return figures


def context() -> list[dict[str, str]]:
    """Return published marks: other hardware and other builds, no rivals in this measurement."""
    return [
        {
            "what": "Triton end to end with tokenizer, MiniLM-L6, 16 tokens, batch 1",
            "hardware": "T4 (other hardware)",
            "figure": "p50 1.51 ms, p99 1.74 ms",
        },
        {
            "what": "multilingual-e5-small, batch engine",
            "hardware": "A100 (other hardware)",
            "figure": "41,800 texts/s",
        },
        {
            "what": "encoder alone, TensorRT",
            "hardware": "RTX 3090 (other hardware)",
            "figure": "p50 0.45 ms",
        },
    ]


def described_device(kind: str) -> dict[str, object]:
    """Return the machine with its accelerator, as the driver names it."""
    found = device()
    if kind == "cpu":
        return found
    fields = ("name", "driver_version", "memory.total", "clocks.max.sm", "power.limit")
    command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        values = [value.strip() for value in done.stdout.splitlines()[0].split(",")]
    except (OSError, subprocess.SubprocessError, IndexError):
        return found | {"accelerator": _torch_device()}
    told = dict(zip(fields, values, strict=False))
    return found | {"accelerator": told.pop("name"), "accelerator_facts": told}


def file_part(machine: Mapping[str, Any]) -> str:
    """Return a machine as part of a file's name: its accelerator, or its processor without one."""
    if machine["accelerator"] is None:
        return device_name(machine)
    return _key(str(machine["accelerator"]))


def more_versions() -> dict[str, str]:
    """Return the versions that decide on a GPU's speed."""
    found = {}
    for name in CUDA_PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def carried_commit(carried: Path) -> str | None:
    """Return the commit that prepare.sh wrote down, for a checkout that travelled without git."""
    path = carried / "commit"
    return path.read_text("utf-8").strip() if path.is_file() else None


def options(given: argparse.Namespace) -> list[str]:
    """Return the options that repeat the measurement."""
    words = [f"--device {given.device}"] if given.device != "cuda" else []
    words += ["--quick"] if given.quick else []
    words += [f"--only {name}" for name in given.only or ()]
    words += ["--any-onnxruntime"] if given.any_onnxruntime else []
    return [*words, f"--minutes {given.minutes:g}"]


def _torch_device() -> str:
    """Return the GPU's name as torch has it, asked in a process that ends with its context."""
    code = "import torch; print(torch.cuda.get_device_name(0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown GPU"


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


if __name__ == "__main__":
    main()
