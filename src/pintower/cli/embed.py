"""``pintower embed``: the catalogue's embeddings brought up to date."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from pintower.cli.output import print_json, stdout
from pintower.cli.students import student_folder
from pintower.config import PinsConfig
from pintower.recipes import default_recipe, find_recipe, load_recipe

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from pintower.pins.difference import Difference

__all__ = ["embed"]


def embed(
    catalogue: Annotated[
        str,
        typer.Argument(
            help="All pins there are: a parquet, jsonl, jsonl.gz or lance file, a folder of them, "
            "or an address such as s3://bucket/pins."
        ),
    ],
    workdir: Annotated[
        Path, typer.Option(help="Work folder of a run or a build, whose pin encoder embeds.")
    ],
    student: Annotated[
        Path | None, typer.Option(help="The student folder; WORKDIR/student without it.")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(help="Folder or address of the pin store; WORKDIR/pin_store without it."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A recipe whose [pins] section says how; a file or a name.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. pins.chunk=1000."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be embedded; write nothing.")
    ] = False,
    hourly_price: Annotated[
        float | None, typer.Option(min=0, help="Of this machine; a dry run tells the cost.")
    ] = None,
    max_deleted: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of the store's pins that may be deleted at once; pins.max_deleted of the "
            "recipe without it.",
            show_default=f"{PinsConfig().max_deleted}",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Embed on this Ray cluster, e.g. auto or ray://host:10001."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Embed the pins that are new or changed in a meaningful way, and no other.

    A pin that the catalogue does not hold any more becomes a tombstone. A killed run is taken up by
    the next one.
    """
    from pintower.data.catalogue import open_catalogue
    from pintower.pins.embedder import PinEmbedder
    from pintower.pins.preview import measure_ignored, preview_update
    from pintower.pins.stage import STORE
    from pintower.pins.store import PinStore
    from pintower.pins.update import refusal, update_store

    config = _read_config(recipe, settings or [])
    allowed = config.max_deleted if max_deleted is None else max_deleted
    source = student_folder(workdir, student)
    embedder = PinEmbedder.load(config, source, workdir / "export")
    opened = open_catalogue(catalogue, [str(column["name"]) for column in embedder.keys.columns])
    root = store or config.store or str(workdir / STORE)
    if dry_run:
        there = PinStore.find(root, embedder.origin)
        preview = preview_update(opened, there, embedder)
        values = _counts(preview.difference)
        values["seconds"] = round(preview.seconds, 1)
        if (refused := refusal(opened, preview.difference, allowed)) is not None:
            values["refused"] = refused
        if hourly_price is not None:
            values["cost"] = round(preview.cost(hourly_price), 4)
        if there is not None:
            found = measure_ignored(
                opened, there, embedder, preview.difference, source, workdir / "export"
            )
            values |= {} if found is None else _rounded(asdict(found))
    else:
        held = PinStore.open(root, embedder.origin, create=True)
        sources = (config, source, workdir / "export")
        update = update_store(
            opened,
            held,
            embedder,
            chunk=config.chunk,
            max_deleted=allowed,
            embed=None if cluster is None else partial(_on_cluster, sources, cluster),
        )
        values = {
            **_counts(update.difference),
            "scan_seconds": round(update.scan_seconds, 1),
            "embed_seconds": round(update.embed_seconds, 1),
            "store": held.place,
            "version": update.version,
        }
    if as_json:
        print_json(values)
        return
    title = "would be done" if dry_run else "done"
    table = Table(show_header=False, title=title, title_justify="left")
    for name, value in values.items():
        shown = f"{value:,}" if isinstance(value, int | float) else str(value)
        table.add_row(name.replace("_", " "), shown)
    stdout.print(table)


def _read_config(recipe: str | None, settings: Sequence[str]) -> PinsConfig:
    """Return the [pins] section of a recipe, or the defaults, with overrides."""
    if recipe is None:
        return default_recipe(settings).pins
    overrides = ["data.requires_path=false", *settings]
    return load_recipe(find_recipe(recipe), overrides).pins


def _on_cluster(
    sources: tuple[PinsConfig, Path, Path], address: str, chunks: "Iterable[pl.DataFrame]"
) -> "Iterator[pa.Table]":
    from pintower.pins.cluster import embed_on_cluster

    return embed_on_cluster(chunks, *sources, address)


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {f"ignored_{name}": round(value, 5) for name, value in values.items()}


def _counts(found: "Difference") -> dict[str, Any]:
    """Return how many pins there are of each kind."""
    return {
        "pins": found.pins,
        "new": len(found.new),
        "changed": len(found.changed),
        "embedded": len(found.embedded),
        "ignored": len(found.ignored),
        "refreshed": len(found.refreshed),
        "deleted": len(found.deleted),
    }
