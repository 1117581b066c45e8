"""The files competitors run (O3, int8, OpenVINO, CTranslate2), made once for a set of weights."""

import json
import logging
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pintower.artifacts import hash_file, hash_files, hash_json
from pintower.errors import SetupError

from .environments import PeerEnvironment, cache_folder
from .older import older_encoder

__all__ = ["PREPARED", "Preparation"]

logger = logging.getLogger("pintower.bench.peers")

PREPARED = (
    "transformer", "onnx", "sentence_onnx", "sentence_openvino", "ctranslate2_fp32",
    "ctranslate2_int8",
)  # fmt: skip
"""In the order they are made: all others may read ``transformer``."""

_BENCH = Path(__file__).resolve().parent.parent
_KINDS = {".safetensors", ".bin", ".json", ".txt", ".model"}


@dataclass(frozen=True)
class Preparation:
    """Where prepared files lie, and what they are made of.

    Attributes:
        root: the folder of this set of weights, tools and calibration queries.
        source: the encoder's folder.
        environment: that has the tools.
        calibration: queries for static quantization.
        max_tokens: of a query.
    """

    root: Path
    source: Path
    environment: PeerEnvironment
    calibration: Sequence[str]
    max_tokens: int

    @classmethod
    def plan(
        cls,
        encoder: Path,
        environment: PeerEnvironment,
        calibration: Sequence[str],
        max_tokens: int,
    ) -> "Preparation":
        """Name the folder after everything the files depend on."""
        workers = Path(__file__).parent / "workers"
        key = hash_json(
            {
                "weights": {
                    name: digest
                    for name, digest in hash_files(encoder, exclude=("README.md",)).items()
                    if Path(name).suffix in _KINDS
                },
                "versions": dict(environment.versions),
                "code": [hash_file(workers / name) for name in ("prepare.py", "head.py")],
                "calibration": list(calibration),
                "max_tokens": max_tokens,
            }
        )
        root = cache_folder() / f"graphs-{key[:12]}"
        return cls(root, encoder, environment, calibration, max_tokens)

    @property
    def encoder(self) -> Path:
        """Where :meth:`copy_encoder` puts the encoder, as the peers' libraries read it."""
        return self.root / "encoder"

    def copy_encoder(self) -> None:
        """Copy the encoder's folder unless that was done."""
        if self.encoder.is_dir():
            return
        partial = self.root / ".encoder"
        self.root.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        if (self.source / "modules.json").is_file():
            older_encoder(self.source, partial, self.max_tokens)
        else:
            shutil.copytree(self.source, partial)
        partial.rename(self.encoder)

    def folder(self, name: str) -> Path:
        """Return where one of :data:`PREPARED` lies once it is made."""
        return self.root / name

    def make(self, name: str) -> None:
        """Make one of :data:`PREPARED` unless it is there.

        Raises:
            SetupError: with the last words of the tool that failed.
        """
        target = self.folder(name)
        if target.is_dir():
            return
        partial = self.root / f".{name}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        spec = {
            "out": str(partial),
            "encoder": str(self.encoder.resolve()),
            "transformer": str(self.folder("transformer")),
            "calibration": list(self.calibration),
            "max_tokens": self.max_tokens,
        }
        logger.info("Preparing %s.", name)
        done = subprocess.run(
            self.environment.command("workers.prepare", name, json.dumps(spec)),
            cwd=_BENCH,
            env=self.environment.variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            words = [line for line in done.stderr.splitlines() if line.strip()]
            raise SetupError(f"{name} could not be prepared: {words[-1] if words else 'no reason'}")
        partial.rename(target)
