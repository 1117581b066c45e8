"""``pintower tune``: instances, threads and merging for a latency, written back as a recipe."""

import importlib.util
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from pintower.artifacts import hash_file, write_json
from pintower.cli.output import print_json, stdout
from pintower.cli.served import require_built_together
from pintower.config import BenchConfig
from pintower.contracts import Contract
from pintower.errors import GateFailed, InputError, SetupError
from pintower.recipes import find_recipe, load_recipe
from pintower.serving.environment import ensure_environment
from pintower.targets import Serving

if TYPE_CHECKING:
    from pintower.bench.tuning import Subject, Tuning

__all__ = ["tune"]

_PACKAGES = ("tomlkit",)
_WARM_UP = 100
_WITHOUT_DATA = "data.requires_path=false"


def tune(
    workdir: Annotated[Path, typer.Argument(help="Work folder of a finished run or build.")],
    p99_ms: Annotated[
        float, typer.Option("--p99-ms", min=0.1, help="99 of 100 requests are to stay within it.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for recipe.toml, tuning.json, tuning.svg and the trials.")
    ],
    recipe: Annotated[
        str | None,
        typer.Option(help="The run's recipe; the settings are written into a copy of it."),
    ] = None,
    trials: Annotated[int, typer.Option(min=2, help="Settings to try.")] = 20,
    requests: Annotated[int, typer.Option(min=100, help="Requests of the log a pass sends.")] = 600,
    candidates: Annotated[
        int, typer.Option(min=1, help="Pins a request carries.")
    ] = BenchConfig().candidates,
    unique: Annotated[
        bool, typer.Option("--unique", help="Send every query once, so that no cache helps.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Search for the settings that answer most requests a second within a latency.

    The log is replayed through the genuine server under perf_analyzer, on the machine that the
    settings are for. An interrupted search goes on where it was.
    """
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise SetupError(
                f"pintower tune needs {package}: pip install 'pintower[tune]' in this environment."
            )
    from pintower.bench.machine import commit, device, versions
    from pintower.bench.tuning import Goal
    from pintower.bench.tuning import tune as search
    from pintower.bench.tuning_figure import tuning_plot

    subject = _subject(workdir, requests, candidates, unique=unique)
    document = _document(recipe, subject.target.name)
    out.mkdir(parents=True, exist_ok=True)
    found = search(subject, Goal(p99_ms=p99_ms, trials=trials), out)
    result = {
        "name": "tuning",
        "command": "pintower tune",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "target": subject.target.name,
        "p99_ms": p99_ms,
        "scenario": subject.load.scenario,
        "requests": len(subject.load.requests),
        "candidates": candidates,
        **found.as_json(),
    }
    write_json(out / "tuning.json", result)
    (out / "tuning.svg").write_text(tuning_plot(found, p99_ms), "utf-8")
    if not found.chosen.throughput:
        raise GateFailed(
            f"None of {len(found.trials)} settings keeps p99 within {p99_ms:g} ms on this machine, "
            f"not even with one request in flight: the least p99 was {_least(found):.1f} ms. "
            f"{out / 'tuning.json'} has what was measured."
        )
    if found.chosen is not found.own:
        _write_recipe(document, found.chosen.serving, out / "recipe.toml")
    if as_json:
        print_json(result)
        return
    _print(found, p99_ms)
    if found.chosen is not found.own:
        stdout.print(_next(recipe, out / "recipe.toml", workdir), soft_wrap=True)


def _subject(workdir: Path, requests: int, candidates: int, *, unique: bool) -> "Subject":
    """Return what a work folder serves, and the load to tune it to."""
    from pintower.bench.load import log_load, unique_load, warmup_load, with_vectors
    from pintower.bench.tuning import Subject
    from pintower.repository.variant import write_variant

    repository, data, pins = (workdir / name for name in ("models", "data", "pins"))
    if not (repository / "release.json").is_file():
        raise InputError(
            f"{workdir} is no work folder of a run or a build: it has no models/release.json. Give "
            "the folder that models/ lies in."
        )
    require_built_together(workdir)

    @contextmanager
    def variant(serving: Serving) -> Iterator[Path]:
        with TemporaryDirectory(prefix="pintower-variant-") as folder:
            write_variant(repository, serving, Path(folder))
            yield Path(folder)

    load = (unique_load if unique else log_load)(data, pins, requests, candidates)
    warmup = warmup_load(data, pins, load, _WARM_UP, candidates)
    target = Contract.load(repository / "contract.json").target
    return Subject(
        target=target,
        environment=ensure_environment(target.triton),
        variant=variant,
        load=with_vectors(load, data, repository),
        warmup=with_vectors(warmup, data, repository),
        identity=hash_file(repository / "release.json"),
    )


def _least(found: "Tuning") -> float:
    return min(point.p99_ms for item in found.trials for point in item.points)


def _print(found: "Tuning", p99_ms: float) -> None:
    from pintower.bench.tuning import describe

    table = Table("", "requests/s", "in flight", "p50 ms", "p99 ms")
    for name, item in (("as released", found.own), ("best tried", found.best)):
        if item is not None:
            within = [point for point in item.points if point.p99_ms <= p99_ms]
            point = max(within or item.points[:1], key=lambda point: point.throughput)
            figures = [f"{value:,.2f}" for value in (point.p50_ms, point.p99_ms)]
            table.add_row(name, f"{point.throughput:,.0f}", str(point.concurrency), *figures)
    stdout.print(table)
    if found.chosen is found.own:
        stdout.print("Nothing that was tried is ahead of the release's own settings.")
        return
    own = found.own.throughput
    by = f"{found.chosen.throughput / own:.2f} times the rate" if own else "the limit is kept"
    stdout.print(f"Tuned: {by}. {describe(found.chosen.serving).capitalize()}.")


def _document(recipe: str | None, target: str) -> Any:
    """Return the recipe to write into, as a document that keeps its comments.

    Raises:
        InputError: if it is the recipe of another release.
    """
    import tomlkit

    if recipe is None:
        return tomlkit.parse('name = "tuned"\n')
    path = find_recipe(recipe)
    wanted = load_recipe(path, [_WITHOUT_DATA]).export.target
    if wanted != target:
        raise InputError(
            f"The recipe {path} builds for target {wanted}, the release was built for {target}. "
            "Give the recipe that the work folder was made with."
        )
    return tomlkit.parse(path.read_text("utf-8"))


def _write_recipe(document: Any, serving: Serving, path: Path) -> None:
    import tomlkit

    section = document.setdefault("repository", tomlkit.table())
    section["serving"] = serving.model_dump(exclude_none=True)
    path.write_text(tomlkit.dumps(document), "utf-8")
    load_recipe(path, [_WITHOUT_DATA])


def _next(recipe: str | None, path: Path, workdir: Path) -> str:
    if recipe is None:
        return f"Build with it: pintower build STUDENT … --serving {shlex.quote(str(path))}"
    command = shlex.join(["pintower", "run", str(path), "--workdir", str(workdir)])
    return f"Build with it, with the --set options of the run: {command}"
