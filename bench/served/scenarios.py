"""Scenarios: which requests are sent to which systems, and how. One TOML file each."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pintower.errors import InputError

__all__ = ["FOLDER", "Scenario", "load_scenarios"]

FOLDER = Path(__file__).parent.parent / "scenarios"

Positive = Annotated[int, Field(ge=1)]


class Scenario(BaseModel):
    """One scenario.

    Attributes:
        name: of its file.
        title: what it shows.
        systems: which are asked; names of ``systems``.
        model: the ensemble that is asked.
        queries: ``log`` in arrival order, ``unique`` each once, ``repeat`` one over and over.
        length: of ``unique`` queries, in words: ``short`` is one, ``long`` at least four.
        warm_requests: of the log, sent before with few candidates, so that the cache is warm.
        candidates: pins a request carries.
        closed: requests in flight.
        rates: requests a second.
        arrivals: when requests of an open loop are due: at random, or as far apart as in the log.
        requests: of each pass.
        rounds: as many as asked for on the command line, or once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    systems: tuple[str, ...] = ("pintower",)
    model: Literal["relevance", "relevance_from_embeddings", "query_embedding"] = "relevance"
    queries: Literal["log", "unique", "repeat"]
    length: Literal["any", "short", "long"] = "any"
    warm_requests: Annotated[int, Field(ge=0)] = 0
    candidates: tuple[Positive, ...] = (100,)
    closed: tuple[Positive, ...] = ()
    rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    arrivals: Literal["poisson", "log"] = "poisson"
    requests: Positive
    rounds: Literal["all", "one"] = "all"


def load_scenarios(names: Sequence[str] = (), folder: Path = FOLDER) -> list[Scenario]:
    """Return the scenarios of a folder, sorted by name, or the named ones.

    Raises:
        InputError: for a name without a file, or a file that is no scenario.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    unknown = sorted(set(names) - set(files))
    if unknown:
        raise InputError(f"No scenario {', '.join(unknown)}; there are {', '.join(files)}.")
    return [_load(files[name]) for name in files if not names or name in names]


def _load(path: Path) -> Scenario:
    try:
        return Scenario(name=path.stem, **tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError, TypeError) as error:
        raise InputError(f"{path} is no scenario: {error}") from None
