"""What people do: human judgments, an impression log, and a log of requests."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.config import SyntheticConfig
from pintower.data.synthetic.attributes import COUNTRIES
from pintower.data.synthetic.queries import Queries
from pintower.data.synthetic.relevance import Relevance, with_annotator_noise
from pintower.data.synthetic.vocabulary import LANGUAGES
from pintower.data.tables import LEVELS
from pintower.progress import track

__all__ = ["draw_impressions", "draw_judgments", "draw_requests", "popularity"]

_END = 1_767_225_600
"""2026-01-01 00:00 UTC: the log's last second."""

_DAYS = 30
_LEVEL_SHARES = np.array([0.22, 0.24, 0.22, 0.17, 0.15])
_CLICKED = np.array([0.004, 0.015, 0.05, 0.12, 0.22])
_SAVED = 0.35
_ELSEWHERE = 0.04
_SHARPNESS = 7.0


def popularity(queries: Queries, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return FP64 [common]: Zipf frequencies; short, well spelt, English queries tend to lead."""
    common = np.arange(queries.common)
    words = np.array([len(queries.texts[index].split()) for index in common])
    variant = queries.intent[common] != common
    foreign = queries.meaning.language[common] != 0
    rarity = words + 3.0 * variant + 1.0 * foreign + rng.normal(0, 1.2, len(common))
    frequency = 1 / (np.argsort(np.argsort(rarity)) + 2.0)
    shares: NDArray[np.float64] = frequency / frequency.sum()
    return shares


def draw_judgments(
    judged: NDArray[np.int64],
    each: int,
    queries: Queries,
    relevance: Relevance,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Return ``each`` judgments for every judged query: candidates of all levels, human noise."""
    rows, pins, levels = [], [], []
    for query in track(judged, "Judging", unit="queries"):
        true = relevance.levels(query, relevance.overlaps(query))
        chosen = _candidates(true, each, rng)
        rows.append(np.full(len(chosen), query))
        pins.append(chosen)
        levels.append(with_annotator_noise(true[chosen], rng))
    row = np.concatenate(rows)
    languages = [LANGUAGES[index] for index in queries.meaning.language[row]]
    country = {int(query): int(rng.integers(12)) for query in judged}
    places = [COUNTRIES[n][country[int(q)] % len(COUNTRIES[n])] for n, q in
              zip(languages, row, strict=True)]  # fmt: skip
    return pl.DataFrame(
        {
            "query": [queries.texts[index] for index in row],
            "pin": np.concatenate(pins),
            "level": np.concatenate(levels).astype(np.int8),
            "language": languages,
            "country": places,
        }
    )


def draw_impressions(
    total: int,
    frequency: NDArray[np.float64],
    queries: Queries,
    relevance: Relevance,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Return ``total`` impressions in the order of time.

    A simulated retrieval shows mostly pins that share something with the query, and a few of
    anything. Clicks and saves follow the true level. A query shows every pin at most once as long
    as there are pins enough.
    """
    softened = np.sqrt(frequency)
    counts = rng.multinomial(total, softened / softened.sum())
    shown, engaged = [], []
    for query, count in enumerate(track(counts, "Logging impressions", unit="queries")):
        overlaps = relevance.overlaps(query)
        pins = _retrieve(overlaps, int(count), rng)
        levels = relevance.levels(query, overlaps)[pins]
        clicked = rng.random(len(pins)) < _CLICKED[levels - 1]
        saved = clicked & (rng.random(len(pins)) < _SAVED)
        shown.append(pins)
        engaged.append(clicked.astype(np.int8) + saved)
    names = np.array(["none", "click", "save"])
    time = np.sort(_END - 1 - rng.integers(_DAYS * 86_400, size=total))
    table = pl.DataFrame(
        {
            "query": np.repeat(np.arange(len(counts)), counts),
            "pin": np.concatenate(shown),
            "engagement": names[np.concatenate(engaged)],
        }
    )
    order = rng.permutation(total)
    texts = pl.Series("text", queries.texts)
    return table[order].with_columns(
        texts.gather(table["query"][order]).alias("query"), pl.Series("timestamp", time)
    )


def draw_requests(
    config: SyntheticConfig,
    frequency: NDArray[np.float64],
    queries: Queries,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Return the query log: Zipf repeats in several cases and spacings, and a tail asked once."""
    tail = len(queries.texts) - queries.common
    repeated = rng.choice(queries.common, config.log_requests - tail, p=frequency)
    rows = rng.permutation(np.concatenate([repeated, queries.common + np.arange(tail)]))
    style = rng.random(len(rows))
    texts = [_typed(queries.texts[row], how) for row, how in zip(rows, style, strict=True)]
    time = np.sort(_END - 1 - rng.integers(86_400, size=len(rows)))
    return pl.DataFrame({"query": texts, "timestamp": time})


def _typed(text: str, how: float) -> str:
    if how < 0.84:
        return text
    if how < 0.92:
        return text[:1].upper() + text[1:]
    if how < 0.96:
        return text.title()
    if how < 0.98:
        return text + " "
    return text.upper() if how < 0.99 else text.replace(" ", "  ")


def _candidates(true: NDArray[np.int64], each: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose pins of every level in about the shares wanted, as far as a level has pins."""
    each = min(each, len(true))
    order = rng.permutation(len(true))
    taken = [
        order[true[order] == level][:wanted]
        for level, wanted in zip(LEVELS, rng.multinomial(each, _LEVEL_SHARES), strict=True)
    ]
    chosen = np.concatenate(taken)
    if len(chosen) < each:
        rest = order[np.isin(order, chosen, invert=True)]
        best = rest[np.argsort(-true[rest], kind="stable")]
        near = best[: 4 * each]
        chosen = np.concatenate([chosen, rng.permutation(near)[: each - len(chosen)]])
    return rng.permutation(chosen)


def _retrieve(
    overlaps: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Choose ``count`` pins; where the catalogue is too small, some are shown again."""
    noise = rng.gumbel(size=len(overlaps))
    score = _SHARPNESS * overlaps + noise
    first = min(count, len(overlaps) // 2)
    pins = np.argpartition(-score, first)[:first]
    stray = rng.random(first) < _ELSEWHERE
    pins = np.unique(np.where(stray, rng.integers(len(overlaps), size=first), pins))
    if len(pins) < count:
        extra = rng.choice(pins, count - len(pins)) if len(pins) else rng.integers(
            len(overlaps), size=count)  # fmt: skip
        pins = np.concatenate([pins, extra])
    return rng.permutation(pins)
