"""``pintower plan-cache``: how large the response cache has to be."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pintower.artifacts import write_json
from pintower.cli.output import print_json, stdout
from pintower.errors import InputError

__all__ = ["plan_cache"]

_MIB = 2**20


def plan_cache(
    workdir: Annotated[Path, typer.Argument(help="Work folder of a run or a build.")],
    trace: Annotated[
        Path | None,
        typer.Option(help="Replay this trace of 64-bit big-endian keys (.xz or not), not the log."),
    ] = None,
    requests: Annotated[
        int | None, typer.Option(min=1, help="Replay so many requests; all without it.")
    ] = None,
    hit_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Find the size that reaches this hit rate.")
    ] = 0.85,
    out: Annotated[
        Path | None, typer.Option(help="Folder for cache.json and cache.svg; made if absent.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Replay the query log through Triton's local cache at every size; no server is needed.

    Sizes are those of `pintower serve --cache-mib`. The hit rate is the query encoder's, requests
    one at a time; simultaneous requests for one query miss together.
    """
    from pintower.bench.cache_plan import plan_cache as make
    from pintower.bench.cache_plan import trace_queries
    from pintower.bench.figure import cache_plot
    from pintower.bench.load import logged_queries

    if not (workdir / "models" / "release.json").is_file():
        raise InputError(
            f"{workdir} is no work folder of a run or a build: it has no models/release.json. Give "
            "the folder that models/ lies in."
        )
    log = logged_queries(workdir / "data")
    words = list(dict.fromkeys(log))
    queries = log[:requests] if trace is None else trace_queries(trace, words, requests)
    plan = make(queries, workdir / "models", wanted=hit_rate)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / "cache.json", asdict(plan))
        (out / "cache.svg").write_text(cache_plot(plan), "utf-8")
    if as_json:
        print_json(asdict(plan))
        return
    if not plan.limit:
        stdout.print(
            f"None of the {plan.requests:,} requests repeats a query, so no cache answers any. "
            "Where a dataset has no query log, its judged queries stand for one."
        )
        return
    table = Table("cache, MiB", "hit rate", "below the limit")
    for size, rate in zip(plan.sizes, plan.hit_rates, strict=True):
        table.add_row(f"{size / _MIB:g}", f"{rate:.1%}", f"{plan.limit - rate:.1%}")
    stdout.print(table)
    stdout.print(
        f"{plan.requests:,} requests, {plan.distinct:,} distinct queries of "
        f"{plan.bytes_a_query:,.0f} bytes. The limit, with a cache that drops nothing, is "
        f"{plan.limit:.1%}; {plan.enough / _MIB:g} MiB come within a point of it."
    )
    if plan.wanted_size is None:
        stdout.print(f"No cache reaches {plan.wanted:.0%}: too few of these requests repeat.")
    else:
        stdout.print(f"{plan.wanted_size / _MIB:g} MiB reach {plan.wanted:.0%}.")
