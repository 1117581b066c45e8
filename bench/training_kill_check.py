"""Does training survive `kill -9` at any instant?

    .venv/bin/python bench/training_kill_check.py --kills 3

runs the training stages of a recipe once undisturbed; then again in new work folders, each killed
by SIGKILL in one stage after the other, after a random part of the time that this stage took
undisturbed, and started again to its end. Holds the
weights of teacher and student and the soft labels to those of the run that was not killed. Writes
``bench/results/training_kill_check-<device>.json``.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collect import RESULTS, device_name

from pintower.artifacts import hash_file, read_manifest, write_json
from pintower.bench.machine import commit, device, versions

STAGES = ("teacher", "labels", "student")
"""In the order in which they run."""
_COMPARED = ("*.safetensors", "*.parquet")
METHOD = (
    "`pintower run RECIPE --until student` runs once undisturbed. Then, in a new work folder each "
    "time, it is killed by SIGKILL in one stage after the other, after a time drawn evenly over "
    "what that stage took, and started again to its end. during: the stage that had not finished. "
    "same: every file of weights and soft labels has the SHA-256 of the undisturbed run's."
)


def main() -> None:
    """Run, kill, compare; write the result; exit 1 where a run came out otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="smoke")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    settings = [word for entry in given.set for word in ("--set", entry)]
    command = [sys.executable, "-m", "pintower", "run", given.recipe, "--until", "student"]
    draw = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="pintower-kill-") as temporary:
        whole = Path(temporary) / "whole"
        seconds = _run([*command, *settings], whole)
        wanted = _hashes(whole)
        rows = []
        for number in range(given.kills):
            workdir = Path(temporary) / f"killed-{number}"
            stage = STAGES[number % len(STAGES)]
            after = draw.random() * _seconds(whole, stage)
            row = _kill([*command, *settings], workdir, stage, after)
            row["rest_s"] = round(_run([*command, *settings], workdir), 1)
            row["same"] = _hashes(workdir) == wanted
            rows.append(row)
            sys.stdout.write(f"{row}\n")
    result = {
        "name": "training_kill_check",
        "command": " ".join(["python bench/training_kill_check.py", *sys.argv[1:]]),
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "method": METHOD,
        "files": len(wanted),
        "undisturbed_s": round(seconds, 1),
        "rows": rows,
        "headline": {
            "kills": sum(row["killed"] for row in rows),
            "same_weights": sum(row["same"] for row in rows),
            "stages_killed": sorted({row["during"] for row in rows}),
        },
    }
    given.out.mkdir(parents=True, exist_ok=True)
    write_json(given.out / f"training_kill_check-{device_name(result['device'])}.json", result)
    sys.exit(0 if all(row["same"] for row in rows) else 1)


def _run(command: Sequence[str], workdir: Path) -> float:
    """Run to the end; return the seconds."""
    started = time.monotonic()
    subprocess.run([*command, "--workdir", str(workdir)], check=True, capture_output=True)
    return time.monotonic() - started


def _kill(command: Sequence[str], workdir: Path, stage: str, after: float) -> dict[str, Any]:
    """Start; kill so many seconds after a stage began; return what it was at."""
    before = STAGES[: STAGES.index(stage)][-1:] or ("data",)
    process = subprocess.Popen(
        [*command, "--workdir", str(workdir)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while read_manifest(workdir / before[0]) is None and process.poll() is None:
        time.sleep(0.05)
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    missing = [name for name in STAGES if read_manifest(workdir / name) is None]
    return {
        "killed": process.returncode < 0,
        "during": missing[0] if missing else "nothing",
        "after_s": round(after, 1),
    }


def _seconds(workdir: Path, stage: str) -> float:
    manifest = read_manifest(workdir / stage)
    return 0.0 if manifest is None else manifest.seconds


def _hashes(workdir: Path) -> dict[str, str]:
    return {
        str(path.relative_to(workdir)): hash_file(path)
        for stage in STAGES
        for pattern in _COMPARED
        for path in sorted((workdir / stage).rglob(pattern))
    }


if __name__ == "__main__":
    main()
