"""``pintower serve``, ``query`` and ``bench``: the model repository, running."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from pintower.artifacts import read_json
from pintower.cli.output import print_json, stdout, take_interrupts
from pintower.cli.served import (
    STATE,
    require_built_together,
    require_repository,
    require_served,
    require_stage,
    served,
)
from pintower.client import Client
from pintower.config import BenchConfig, Recipe
from pintower.contracts import Contract
from pintower.errors import GateFailed, InputError, RepositoryError
from pintower.models.query_vectors import QueryVectors
from pintower.models.scores import Scores
from pintower.pipeline import run_stages
from pintower.serving.addresses import Addresses
from pintower.serving.container import container_command
from pintower.serving.environment import describe_backend, ensure_environment
from pintower.serving.server import TritonServer
from pintower.serving.wakeful import wakeful_cpus
from pintower.stages import STAGES

__all__ = ["bench", "container", "query", "serve"]

logger = logging.getLogger(__name__)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Port = Annotated[int, typer.Option(min=1, max=65_535, help="Port on 127.0.0.1.")]
Workdir = Annotated[Path, typer.Option(help="Work folder that holds pins/ and models/.")]

bench = typer.Typer(subcommand_metavar="[COMMAND]")


def serve(
    repository: Annotated[Path, typer.Argument(help="A Triton model repository (models/).")],
    http_port: Port = 8000,
    grpc_port: Port = 8001,
    metrics_port: Port = 8002,
    cache_mib: Annotated[int, typer.Option(min=0, help="Response cache in MiB.")] = 64,
    wakeful: Annotated[
        bool, typer.Option("--wakeful", help="Keep idle CPUs from sleeping: faster, more power.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Serve it even if it is not as it was released.")
    ] = False,
) -> None:
    """Serve a repository on loopback with the genuine Triton server, until interrupted."""
    require_repository(repository)
    if not unchecked:
        _require_as_released(repository)
    addresses = Addresses(http_port, grpc_port, metrics_port)
    environment = ensure_environment(Contract.load(repository / "contract.json").target.triton)
    server = TritonServer(
        environment,
        repository,
        addresses=addresses,
        cache_bytes=cache_mib * 2**20,
        state_file=repository.resolve().parent / STATE,
    )
    with wakeful_cpus() if wakeful else nullcontext(), server:
        stdout.print(f"Serving {repository}: HTTP {addresses.http_url}, gRPC {addresses.grpc_url}")
        stdout.print(f"It is a {describe_backend(environment)}.", highlight=False)
        stdout.print("Stop it with Ctrl-C or kill.")
        take_interrupts()  # what was imported meanwhile may have taken them
        try:
            server.wait()
        except KeyboardInterrupt:
            stdout.print("Stopping.")


def container(
    repository: Annotated[Path, typer.Argument(help="A Triton model repository (models/).")],
    cache_mib: Annotated[
        int | None, typer.Option(min=0, help="Response cache in MiB; 64 without it.")
    ] = None,
    redis: Annotated[
        str | None, typer.Option(help="host:port of a Redis that replicas share as their cache.")
    ] = None,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Print it even if it is not as it was released.")
    ] = False,
) -> None:
    """Print the command that serves a repository in NVIDIA's container."""
    require_repository(repository)
    if redis is not None and cache_mib is not None:
        raise InputError("--redis and --cache-mib exclude each other: give one of them.")
    if not unchecked:
        _require_as_released(repository)
    target = Contract.load(repository / "contract.json").target
    command = container_command(
        repository,
        target.triton,
        cache_bytes=(64 if cache_mib is None else cache_mib) * 2**20,
        redis=redis,
        gpu=target.device == "gpu",
    )
    stdout.print(command, highlight=False, soft_wrap=True)


def query(
    text: Annotated[str, typer.Argument(help="The query.")],
    workdir: Workdir = Path("artifacts/demo"),
    candidates: Annotated[int, typer.Option(min=1, help="BM25 candidates to rank.")] = 100,
    top: Annotated[int, typer.Option(min=1, help="Pins to show.")] = 10,
    url: Annotated[
        str | None, typer.Option(help="gRPC host:port of a running server; found by itself.")
    ] = None,
    start: Annotated[
        bool, typer.Option("--start", help="Start a server for this one query.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Rank the catalogue's candidates for a query through the running ensemble."""
    from pintower.data.candidates import CandidateIndex

    if not text.strip():
        raise InputError("The query is empty: give some text to rank pins for.")
    index = CandidateIndex.load(require_stage(workdir / "pins") / "candidates")
    require_built_together(workdir)
    pin_ids = index.search(text, candidates)
    if start and url:
        raise InputError("--start and --url exclude each other: give one of them.")
    vectors = _query_vectors(workdir)
    features = None if vectors is None else vectors.matrix([text])
    if features is not None and not features.any():
        logger.info("the dataset has no vector of this query: zeros stand for it")
    with served(workdir, url, start) as address, Client(address) as client:
        require_served(client, workdir)
        scores = client.rank(text, pin_ids, features)
    if pin_ids and not scores.valid.any():
        raise RepositoryError(
            f"The server at {address} knows none of the {len(pin_ids)} candidates: it serves "
            f"another catalogue than {workdir} holds. Serve {workdir / 'models'}, or give the "
            "--workdir that belongs to the server."
        )
    _print_ranking(text, workdir, pin_ids, scores, top, as_json=as_json)


@bench.callback(invoke_without_command=True)
def _measure(
    context: typer.Context,
    workdir: Workdir = Path("artifacts/demo"),
    requests: Annotated[
        int, typer.Option(min=1, help="Requests of the log, replayed once.")
    ] = BenchConfig().requests,
    candidates: Annotated[
        int, typer.Option(min=1, help="Pins a request carries.")
    ] = BenchConfig().candidates,
    concurrency: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Requests in flight; may be repeated. 1 and 4 without it."),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="How often; from 3 on `bench compare` can tell a change.")
    ] = BenchConfig().rounds,
    as_json: Json = False,
) -> None:
    """Measure the served ensemble with perf_analyzer on the log's real queries."""
    if context.invoked_subcommand is not None:
        _require_no_options(context)
        return
    inputs = {name: require_stage(workdir / name) for name in ("data", "pins")}
    inputs["repository"] = require_stage(workdir / "models")
    require_built_together(workdir)
    config = BenchConfig(
        requests=requests,
        candidates=candidates,
        concurrency=tuple(concurrency or BenchConfig().concurrency),
        rounds=rounds,
    )
    stages = [stage for stage in STAGES if stage.name == "bench"]
    run_stages(
        stages, Recipe(name="bench", bench=config), workdir, given=inputs, force_from="bench"
    )
    results = read_json(workdir / "bench" / "results.json")
    if as_json:
        print_json(results)
        return
    table = Table(
        "scenario", "concurrency", "requests/s", "p50 ms", "p90 ms", "p99 ms", "cache hits"
    )
    for row in results["rows"]:
        figures = (row["throughput"], row["p50_ms"], row["p90_ms"], row["p99_ms"])
        hits = f"{row['cache_hit_rate']:.0%}"
        numbers = [f"{figure:,.2f}" for figure in figures]
        table.add_row(row["scenario"], str(row["concurrency"]), *numbers, hits)
    stdout.print(table)


def _require_no_options(context: typer.Context) -> None:
    """Refuse options of the measurement before a command that would not see them."""
    sources = [context.get_parameter_source(name) for name in context.params]
    if any(source is not None and source.name == "COMMANDLINE" for source in sources):
        command = f"pintower bench {context.invoked_subcommand}"
        raise InputError(
            f"Options of `pintower bench` stand before `{context.invoked_subcommand}`, which does "
            f"not measure. Give those of `{command}` after it; `{command} --help` lists them."
        )


def _query_vectors(workdir: Path) -> QueryVectors | None:
    """Return the feature vectors of queries that a work folder's release takes; None if none."""
    path = workdir / "models" / "contract.json"
    if not path.is_file():
        return None
    return QueryVectors.of_release(workdir / "data", Contract.load(path))


def _print_ranking(
    text: str, workdir: Path, pin_ids: Sequence[str], scores: Scores, top: int, *, as_json: bool
) -> None:
    import polars as pl

    titles_table = pl.read_parquet(workdir / "pins" / "titles.parquet", glob=False)
    titles = dict(zip(titles_table["pin_id"], titles_table["title"], strict=True))
    order = np.argsort(-scores.score, kind="stable")[:top]
    if as_json:
        rows = [
            {
                "pin_id": pin_ids[i],
                "title": titles.get(pin_ids[i], ""),
                "score": float(scores.score[i]),
                "probabilities": scores.probabilities[i].tolist(),
                "valid": bool(scores.valid[i]),
            }
            for i in order
        ]
        print_json({"query": text, "candidates": len(pin_ids), "ranking": rows})
        return
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    if not pin_ids:
        stdout.print(f'"{shown}": no pin shares a term with this query.')
        return
    heading = f'"{shown}": {len(pin_ids)} candidates by BM25, ranked by Triton'
    table = Table(title=heading, title_justify="left", title_style="bold")
    table.add_column("score", justify="right")
    table.add_column("pin", no_wrap=True)
    table.add_column("title", max_width=52, overflow="ellipsis", no_wrap=True)
    for level in range(1, 6):
        table.add_column(f"p({level})", justify="right")
    for i in order:
        shares = [f"{share:.2f}" for share in scores.probabilities[i]]
        title = titles.get(pin_ids[i], "")
        score = f"{scores.score[i]:.2f}" if scores.valid[i] else "unknown"
        table.add_row(score, pin_ids[i], title, *shares)
    stdout.print(table)


def _require_as_released(repository: Path) -> None:
    from pintower.repository.check import check

    findings = check(repository)
    if findings:
        lines = "\n".join(f"  {finding}" for finding in findings)
        raise GateFailed(
            f"{repository} is not as it was released:\n{lines}\nBuild it again, or serve it all "
            "the same with --unchecked."
        )
