"""The built-in catalogue: a seeded generator that writes a dataset folder as a user would.

Home decor, recipes, fashion, travel and crafts in seven languages, Japanese and Hindi among them.
Pins and queries come from latent attributes, so the true level of every pair is known (see
``relevance``); texts, boards, clicks and judgments follow from them with the holes and the noise
that real ones have.
"""

import random
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.config import DataConfig
from pintower.data.engagement import derive_engaged_queries
from pintower.data.splits import assign_splits
from pintower.data.synthetic.attributes import (
    COUNTRIES,
    Attributes,
    draw_attributes,
    random_stream,
)
from pintower.data.synthetic.behaviour import (
    draw_impressions,
    draw_judgments,
    draw_requests,
    popularity,
)
from pintower.data.synthetic.boards import draw_boards, graph_vectors, titles_of_pins
from pintower.data.synthetic.pin_text import caption_of, description_of, title_of
from pintower.data.synthetic.queries import Queries, draw_queries
from pintower.data.synthetic.relevance import Relevance
from pintower.data.synthetic.vocabulary import LANGUAGES, load_themes
from pintower.data.tables import IMPRESSIONS, JUDGMENTS, PINS, QUERY_LOG
from pintower.progress import track

__all__ = ["generate"]

_TAIL = 0.1
"""Share of the log's requests for queries that are asked only once."""

_NO_VECTOR = 0.02
"""Share of the pins that have boards but no graph vector yet."""

_NEWEST = 1_767_225_600
_AGE = 700 * 86_400


def generate(config: DataConfig, folder: Path) -> None:
    """Write pins, judgments, impressions and query log into an existing folder.

    The splits are decided first, by intent, so that no spelling of a held-out query reaches a pin's
    engaged queries. The same config writes the same tables.
    """
    sizes, seed, themes = config.synthetic, config.seed, load_themes()
    latent = draw_attributes(sizes.pins, themes, random_stream(seed, "pins"))
    queries = draw_queries(
        sizes.queries,
        int(sizes.log_requests * _TAIL),
        latent,
        themes,
        random.Random(f"{seed} queries"),
    )
    frequency = popularity(queries, random_stream(seed, "popularity"))
    judged = _judged(frequency, sizes.judged_queries, random_stream(seed, "judged"))
    split = _split_by_intent(config, queries, judged)
    relevance = Relevance(latent, queries.meaning, themes)
    judgments = draw_judgments(
        judged, sizes.judgments_per_query, queries, relevance, random_stream(seed, "judgments")
    )
    total = len(judgments) * sizes.impressions_per_judgment
    impressions = draw_impressions(
        total, frequency, queries, relevance, random_stream(seed, "impressions")
    )
    requests = draw_requests(sizes, frequency, queries, random_stream(seed, "log"))
    pins = _pins(latent, seed)
    impressions = _name_pins(impressions, pins)
    held_out = [text for text, part in split.items() if part != "train"]
    engaged = derive_engaged_queries(pins, impressions, held_out)
    engaged.write_parquet(folder / f"{PINS}.parquet")
    parts = pl.col("query").replace_strict(split, return_dtype=pl.String).alias("split")
    _name_pins(judgments, pins).with_columns(parts).write_parquet(folder / f"{JUDGMENTS}.parquet")
    impressions.write_parquet(folder / f"{IMPRESSIONS}.parquet")
    requests.write_parquet(folder / f"{QUERY_LOG}.parquet")


def _judged(
    frequency: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Choose queries to judge, popular ones more often, as a team that samples its log would."""
    weights = np.sqrt(frequency)
    count = min(count, len(frequency))
    return np.sort(rng.choice(len(weights), count, replace=False, p=weights / weights.sum()))


def _split_by_intent(
    config: DataConfig, queries: Queries, judged: NDArray[np.int64]
) -> dict[str, str]:
    """Return the split of every query; one whose intent nobody judged is for training."""
    intents = list(dict.fromkeys(int(queries.intent[query]) for query in judged))
    placed = assign_splits(
        [queries.texts[intent] for intent in intents],
        seed=config.seed,
        validation_share=config.validation_share,
        test_share=config.test_share,
    )
    return {
        text: placed.get(queries.texts[queries.intent[index]], "train")
        for index, text in enumerate(queries.texts)
    }


def _pins(latent: Attributes, seed: int) -> pl.DataFrame:
    themes, draw = load_themes(), random.Random(f"{seed} text")
    rng = random_stream(seed, "boards")
    boards = draw_boards(latent, themes, rng, random.Random(f"{seed} boards"))
    titles, descriptions, captions, countries = [], [], [], []
    rows = zip(latent.theme.tolist(), latent.values.tolist(), latent.language.tolist(), strict=True)
    for index, values, language in track(rows, "Writing pins", total=len(latent), unit="pins"):
        theme = themes[index]
        titles.append(title_of(theme, values, language, draw))
        descriptions.append(description_of(theme, values, language, draw))
        captions.append(caption_of(theme, values, draw))
        countries.append(draw.choice(COUNTRIES[LANGUAGES[language]]))
    vectors = graph_vectors(boards, len(latent), rng)
    present = vectors.any(axis=1) & (rng.random(len(latent)) >= _NO_VECTOR)
    updated = _NEWEST - rng.integers(_AGE, size=len(latent))
    numbers = rng.choice(10**9, len(latent), replace=False) + 10**9
    frame = pl.DataFrame(
        {
            "pin_id": [f"{number}" for number in numbers],
            "title": titles,
            "description": descriptions,
            "caption": captions,
            "board_titles": titles_of_pins(boards, len(latent)),
            "engaged_queries": pl.Series([[]] * len(latent), dtype=pl.List(pl.String())),
            "language": [LANGUAGES[index] for index in latent.language],
            "country": countries,
            "updated_at": pl.from_epoch(pl.Series(updated), time_unit="s"),
            "graph_vector": pl.Series(vectors.tolist(), dtype=pl.List(pl.Float32())),
        }
    )
    return frame.with_columns(pl.when(pl.Series(present)).then(pl.col("graph_vector")))


def _name_pins(table: pl.DataFrame, pins: pl.DataFrame) -> pl.DataFrame:
    """Replace row numbers of pins by their ids."""
    ids = pins["pin_id"].gather(table["pin"]).alias("pin_id")
    return table.drop("pin").with_columns(ids)
