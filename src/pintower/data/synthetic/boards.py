"""Boards that people save pins to, and the graph vectors that follow from them."""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pintower.data.synthetic.attributes import Attributes
from pintower.data.synthetic.phrases import say
from pintower.data.synthetic.pin_text import capitalized
from pintower.data.synthetic.vocabulary import LANGUAGES, Theme

__all__ = ["GRAPH_WIDTH", "Boards", "draw_boards", "graph_vectors", "titles_of_pins"]

GRAPH_WIDTH = 32
"""Numbers in a graph vector."""

_PINS_PER_BOARD = 4
_LARGEST = 40
_STRAY = 0.06
_UNSAVED = 0.25
"""Of the pins that no such board took, the share that nobody saved; the rest join a broad board."""

_FOREIGN = 0.2
"""How likely a fitting pin in another language is to be on a board."""

_TITLES = {
    "en": ("{p}", "{p}", "{p} ideas", "{p} inspo", "My {p}", "{p} ♡", "future {p}"),
    "es": ("{p}", "Ideas {p}", "{p} ♡", "Mis favoritos: {p}"),
    "de": ("{p}", "Ideen: {p}", "{p} ♡", "Inspiration {p}"),
    "fr": ("{p}", "Idées {p}", "{p} ♡", "Inspiration {p}"),
    "pt": ("{p}", "Ideias {p}", "{p} ♡", "Inspiração {p}"),
    "ja": ("{p}", "{p}まとめ", "{p} ♡", "お気に入りの{p}"),
    "hi": ("{p}", "{p} आइडिया", "{p} ♡", "मेरी पसंद: {p}"),
}
_VAGUE = ("Things I like", "Dream board", "Misc", "my future", "♡♡♡", "2026 mood", "saved")


@dataclass(frozen=True)
class Boards:
    """Boards and what is on them.

    Attributes:
        titles: [B].
        board: INT [E], the board of each of E saves.
        pin: INT [E], the pin of each save.
        strength: FP64 [E], how well the pin fits its board (small boards and true members lead).
    """

    titles: list[str]
    board: NDArray[np.int64]
    pin: NDArray[np.int64]
    strength: NDArray[np.float64]


def draw_boards(
    pins: Attributes, themes: tuple[Theme, ...], rng: np.random.Generator, draw: random.Random
) -> Boards:
    """Draw boards about one or two attributes of some pin, and a few strays on each."""
    count = max(4, len(pins) // _PINS_PER_BOARD)
    titles, boards, members, strengths = [], [], [], []
    rows_of_theme = [np.flatnonzero(pins.theme == index) for index in range(len(themes))]
    for board in range(count):
        seed = int(rng.integers(len(pins)))
        theme, language = int(pins.theme[seed]), int(pins.language[seed])
        values = pins.values[seed].tolist()
        facets = _subject(values, draw)
        rows = rows_of_theme[theme]
        fits = (pins.values[rows][:, facets] == pins.values[seed, facets]).all(axis=1)
        kept = (pins.language[rows] == language) | (rng.random(len(rows)) < _FOREIGN)
        own = rows[fits & kept & (rows != seed)]
        size = int(rng.integers(4, _LARGEST))
        own = rng.permutation(own)[:size]
        stray = rng.integers(len(pins), size=int(rng.binomial(len(own) + 1, _STRAY)))
        on_board = np.unique(np.concatenate([[seed], own, stray]))
        titles.append(_title(themes[theme], values, facets, language, draw))
        boards.append(np.full(len(on_board), board))
        members.append(on_board)
        true = np.isin(on_board, stray, invert=True)
        strengths.append(true + len(facets) + 1 / len(on_board) + rng.random(len(on_board)))
    left = np.setdiff1d(np.arange(len(pins)), np.concatenate(members))
    left = left[rng.random(len(left)) >= _UNSAVED]
    heads = pins.theme[left] * 1000 + pins.values[left, 0]
    for head in np.unique(heads):
        on_board = left[heads == head]
        first = int(on_board[0])
        theme, values = themes[pins.theme[first]], pins.values[first].tolist()
        boards.append(np.full(len(on_board), len(titles)))
        members.append(on_board)
        strengths.append(np.ones(len(on_board)))
        titles.append(_title(theme, values, [0], int(pins.language[first]), draw))
    return Boards(
        titles, np.concatenate(boards), np.concatenate(members), np.concatenate(strengths)
    )


def titles_of_pins(boards: Boards, pins: int, most: int = 6) -> list[list[str]]:
    """Return, for each pin, the titles of its boards, best first, each title once."""
    found: list[list[str]] = [[] for _ in range(pins)]
    for edge in np.lexsort((-boards.strength, boards.pin)):
        titles = found[boards.pin[edge]]
        title = boards.titles[boards.board[edge]]
        if len(titles) < most and title.lower() not in map(str.lower, titles):
            titles.append(title)
    return found


def graph_vectors(boards: Boards, pins: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return FP32 [pins, 32]: random board vectors, smoothed over the pin-board graph.

    Each step takes the mean over neighbours, from boards to pins and back, and scales to length 1:
    pins that share boards come to lie close together (a random projection of the graph's
    diffusion). A pin on no board has a row of zeros.
    """
    count = len(boards.titles)
    board = rng.standard_normal((count, GRAPH_WIDTH))
    pin = np.zeros((pins, GRAPH_WIDTH))
    for _ in range(3):
        pin = _unit(_sums(board[boards.board], boards.pin, pins))
        board = _unit(_sums(pin[boards.pin], boards.board, count) + 0.3 * board)
    return np.round(pin, 5).astype(np.float32)


def _subject(values: list[int], draw: random.Random) -> list[int]:
    """Choose one or two facets for a board to be about, mostly with the head."""
    rest = [facet for facet, value in enumerate(values) if facet and value >= 0]
    draw.shuffle(rest)
    chance = draw.random()
    if not rest or chance < 0.2:
        return [0]
    if chance < 0.75:
        return [0, rest[0]]
    return rest[:2]


def _title(
    theme: Theme, values: list[int], facets: list[int], language: int, draw: random.Random
) -> str:
    if draw.random() < 0.07:
        return draw.choice(_VAGUE)
    phrase = say(theme, values, facets, language, draw)
    if draw.random() < 0.5:
        phrase = capitalized(phrase, draw)
    return draw.choice(_TITLES[LANGUAGES[language]]).format(p=phrase)


def _sums(values: NDArray[np.float64], row: NDArray[np.int64], rows: int) -> NDArray[np.float64]:
    columns = [np.bincount(row, values[:, c], rows) for c in range(values.shape[1])]
    return np.stack(columns, axis=1)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float64] = vectors / np.maximum(lengths, 1e-12)
    return unit
