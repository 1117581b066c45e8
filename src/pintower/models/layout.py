"""The student folder: what training writes, and what a user with a student of their own brings.

query_encoder/     sentence-transformers folder
pin_encoder/       sentence-transformers folder
scoring_head/      config.json, model.safetensors
narrower_heads/    for each narrower width that was trained with it, a folder named after the width:
                   the scoring head of embeddings cut to their first so many numbers
text.json          text rendering
match_stats/       corpus statistics of the match features
calibration/       what the graphs are calibrated and compared on (drawn by ``pintower build`` for
                   a student without it)
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pintower.artifacts import hash_file, hash_json, read_json
from pintower.errors import StudentError
from pintower.text.match_features import MatchStatistics
from pintower.text.rendering import Rendering

__all__ = ["StudentLayout", "read_rendering", "space_id"]

_VOLATILE = {"transformers_version", "_name_or_path", "dtype", "torch_dtype"}


@dataclass(frozen=True)
class StudentLayout:
    """Where the parts of a student folder lie."""

    root: Path

    @property
    def query_encoder(self) -> Path:
        """The query encoder's folder."""
        return self.root / "query_encoder"

    @property
    def pin_encoder(self) -> Path:
        """The pin encoder's folder."""
        return self.root / "pin_encoder"

    @property
    def scoring_head(self) -> Path:
        """The scoring head's folder."""
        return self.root / "scoring_head"

    @property
    def narrower_heads(self) -> Path:
        """The folder of the scoring heads of narrower widths, each in a folder named after it."""
        return self.root / "narrower_heads"

    def narrower_head(self, width: int) -> Path:
        """Return the folder of the scoring head of a narrower width."""
        return self.narrower_heads / str(width)

    @property
    def text(self) -> Path:
        """The text rendering's file."""
        return self.root / "text.json"

    @property
    def match_stats(self) -> Path:
        """The folder of the corpus statistics."""
        return self.root / "match_stats"

    @property
    def training(self) -> Path:
        """The file that says how the student was made; one that a user brings may lack it."""
        return self.root / "training.json"

    @property
    def calibration(self) -> Path:
        """The folder of what the graphs are calibrated and compared on."""
        return self.root / "calibration"

    def widths(self) -> list[int]:
        """Return the narrower widths that have a scoring head, the widest first.

        Raises:
            StudentError: if a folder there is not named after a width.
        """
        names = [path.name for path in self.narrower_heads.glob("*")]
        if odd := sorted(name for name in names if not (name.isascii() and name.isdecimal())):
            raise StudentError(
                f"{self.narrower_heads} holds {odd[0]!r}; allowed are folders named after a width. "
                "Remove it."
            )
        return sorted(map(int, names), reverse=True)

    def distilled(self) -> bool:
        """Return whether its towers were trained here, on texts as its rendering has them."""
        return self.training.is_file() and "steps" in read_json(self.training)

    def require(self) -> None:
        """Check that every part is there but ``calibration/``, which a build can draw.

        Raises:
            StudentError: naming the parts that are missing.
        """
        if not self.root.is_dir():
            raise StudentError(f"The student folder {self.root} does not exist.")
        parts = (
            self.query_encoder / "modules.json",
            self.pin_encoder / "modules.json",
            self.scoring_head / "config.json",
            self.scoring_head / "model.safetensors",
            self.text,
            self.match_stats / "stats.json",
        )
        missing = [str(part.relative_to(self.root)) for part in parts if not part.is_file()]
        if missing:
            raise StudentError(
                f"{self.root} is not a complete student folder: {', '.join(missing)} missing."
            )

    def pin_columns(self) -> list[dict[str, Any]]:
        """Return name and width of each feature vector of the pin encoder, without loading it.

        Raises:
            StudentError: if the encoder's files do not say what it is made of.
        """
        try:
            for module in read_json(self.pin_encoder / "modules.json"):
                if module["type"].rpartition(".")[2] == "FeatureProjection":
                    columns = read_json(self.pin_encoder / module["path"] / "config.json")[
                        "columns"
                    ]
                    return [{"name": str(c["name"]), "width": int(c["width"])} for c in columns]
        except (KeyError, TypeError, ValueError) as error:
            raise StudentError(f"{self.pin_encoder} cannot be used: {error!r}") from error
        return []

    def load_rendering(self) -> Rendering:
        """Read ``text.json``.

        Raises:
            StudentError: if it is absent or made for other code.
        """
        return read_rendering(self.text)

    def load_statistics(self) -> MatchStatistics:
        """Read the frozen corpus statistics.

        Raises:
            StudentError: if they are absent or made for other match features.
        """
        try:
            return MatchStatistics.load(self.match_stats)
        except (OSError, ValueError, KeyError) as error:
            raise StudentError(f"{self.match_stats} cannot be used: {error}") from error


def read_rendering(path: Path) -> Rendering:
    """Read a ``text.json``, a student's or a release's.

    Raises:
        StudentError: if it is absent or made for other code.
    """
    try:
        return Rendering.load(path)
    except (OSError, ValueError, TypeError) as error:
        raise StudentError(f"{path} cannot be used: {error}") from error


def space_id(folder: Path) -> str:
    """Return the space id: what query side and pin side must agree on.

    A SHA-256 over both towers' weights, tokenizers, pooling and projection settings, and the text
    rendering. The version of the library that saved the folder and the place of a module's class in
    it play no part.
    """
    layout = StudentLayout(folder)
    parts: dict[str, Any] = {"text.json": read_json(layout.text)}
    for tower in (layout.query_encoder, layout.pin_encoder):
        for path in sorted(tower.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.suffix in {".safetensors", ".bin"} or path.name == "tokenizer.json":
                parts[name] = hash_file(path)
            elif path.name in {"config.json", "modules.json"}:
                value = read_json(path)
                parts[name] = _lasting(value)
            elif path.name == "tokenizer_config.json":
                side = read_json(path).get("truncation_side", "right")
                parts |= {} if side == "right" else {name: side}
    return hash_json(parts)


def _lasting(value: Any) -> Any:
    """Return what a JSON file says without what tells which library version wrote it."""
    if isinstance(value, list):
        kinds = [str(module["type"]).rpartition(".")[2] for module in value]
        return [{**module, "type": kind} for module, kind in zip(value, kinds, strict=True)]
    return {key: item for key, item in value.items() if key not in _VOLATILE}
