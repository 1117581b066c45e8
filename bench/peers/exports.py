"""Export folders given as ``NAME=FOLDER``: their contract and what their gates measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pintower.artifacts import read_json
from pintower.errors import InputError
from pintower.text.rendering import Rendering

__all__ = ["Export", "named_folder"]


@dataclass(frozen=True)
class Export:
    """One export folder.

    Attributes:
        name: as the user calls it.
        folder: where it lies.
        contract: its ``contract.json``.
        gates: measured values by the gates' names.
    """

    name: str
    folder: Path
    contract: dict[str, Any]
    gates: dict[str, float]

    @classmethod
    def open(cls, given: str) -> "Export":
        """Read ``NAME=FOLDER``.

        Raises:
            InputError: if it is written otherwise or is no export folder.
        """
        name, folder = named_folder(given)
        contract = read_json(folder / "contract.json")
        export = cls(
            name=name,
            folder=folder,
            contract=contract,
            gates={g["name"]: g["measured"] for g in read_json(folder / "gates.json")["gates"]},
        )
        for path in (export.graph, export.tokenizer, export.text):
            if not path.is_file():
                raise InputError(f"{folder} is no export folder: {path.name} is missing.")
        return export

    @property
    def graph(self) -> Path:
        """The query encoder's file."""
        return self.folder / str(self.contract["graphs"]["query_encoder"]["file"])

    @property
    def sha256(self) -> str:
        """Of that file."""
        return str(self.contract["graphs"]["query_encoder"]["sha256"])

    @property
    def precision(self) -> str:
        """How the query encoder's weights are stored."""
        return str(self.contract["graphs"]["query_encoder"]["precision"])

    @property
    def tokenizer(self) -> Path:
        """The tokenizer's file."""
        return self.folder / "tokenizer.json"

    @property
    def text(self) -> Path:
        """The text rendering's file."""
        return self.folder / "text.json"

    @property
    def runtime(self) -> str:
        """The target's version of ONNX Runtime."""
        return str(self.contract["target"]["triton"]["onnxruntime"])

    @property
    def width(self) -> int:
        """D of its embeddings."""
        return int(self.contract["symbols"]["D"])

    def rendering(self) -> Rendering:
        """Return the rules of its queries' text."""
        return Rendering.load(self.text)


def named_folder(given: str) -> tuple[str, Path]:
    """Split ``NAME=FOLDER``.

    Raises:
        InputError: if it is written otherwise or the folder does not exist.
    """
    name, sign, folder = given.partition("=")
    if not (name and sign and folder):
        raise InputError(f"{given!r} is not NAME=FOLDER.")
    if not Path(folder).is_dir():
        raise InputError(f"{folder} in {given!r} is no folder.")
    return name, Path(folder).resolve()
