"""Titles, descriptions and captions, with the holes and the noise that real ones have."""

import random
from collections.abc import Sequence
from unicodedata import category

from pintower.data.synthetic.phrases import pick, say, word_of
from pintower.data.synthetic.vocabulary import LANGUAGES, Theme

__all__ = ["capitalized", "caption_of", "description_of", "title_of"]

_TITLES = {
    "en": (
        "{p}", "{p}", "{p} Ideas", "10 {p} Ideas You'll Love", "{p} Inspiration", "The Best {p}",
        "{p} | {tag}", "27 Stunning {p} Ideas to Copy in 2026",
    ),
    "es": ("{p}", "{p}", "Ideas: {p}", "10 ideas de {p}", "{p} | {tag}", "Inspiración: {p}"),
    "de": ("{p}", "{p}", "{p}: schöne Ideen", "10 Ideen: {p}", "{p} | {tag}"),
    "fr": ("{p}", "{p}", "Idées : {p}", "10 idées à copier : {p}", "{p} | {tag}"),
    "pt": ("{p}", "{p}", "Ideias: {p}", "10 ideias de {p}", "{p} | {tag}"),
    "ja": ("{p}", "{p}", "{p}のアイデア", "真似したい{p}10選", "{p} | {tag}"),
    "hi": ("{p}", "{p}", "{p} के आइडिया", "10 शानदार आइडिया: {p}", "{p} | {tag}"),
}  # fmt: skip
_CLICKBAIT = {
    "en": ("You Won't Believe This!", "I'm obsessed with this", "Save this for later!!", "WOW"),
    "es": ("¡No te lo vas a creer!", "Guárdalo para después", "Me encanta"),
    "de": ("Das musst du sehen!", "Unbedingt merken", "Einfach genial"),
    "fr": ("Vous n'allez pas y croire !", "À garder pour plus tard", "Coup de cœur"),
    "pt": ("Você não vai acreditar!", "Salve para depois", "Apaixonada por isso"),
    "ja": ("信じられない！", "後で見る用に保存", "最高です"),
    "hi": ("यक़ीन नहीं होगा!", "बाद के लिए सहेजें", "बहुत पसंद आया"),
}
_DESCRIPTIONS = {
    "en": (
        "Looking for {p}? Here is how I made it work, step by step.",
        "{p}, found on the blog today. Tap through for the full post.",
        "We love this {h}. More on {p} and where to find it.",
        "Get inspired with {p}. Simple tips that anyone can follow.",
        "{p}: everything you need to know before you start.",
    ),
    "es": (
        "¿Buscas {p}? Aquí te cuento cómo hacerlo paso a paso.",
        "{p}: todo lo que necesitas saber. Más ideas en el blog.",
        "Nos encanta: {h}. Descubre {p} y mucho más.",
    ),
    "de": (
        "Du suchst {p}? Hier zeige ich dir Schritt für Schritt, wie es geht.",
        "{p}: alles, was du wissen musst. Mehr Ideen auf dem Blog.",
        "Unser Favorit: {h}. Entdecke {p} und viele weitere Tipps.",
    ),
    "fr": (
        "Vous cherchez {p} ? Voici comment faire, étape par étape.",
        "{p} : tout ce qu'il faut savoir. Plus d'idées sur le blog.",
        "On adore : {h}. Découvrez {p} et nos astuces.",
    ),
    "pt": (
        "Procurando {p}? Veja como fazer, passo a passo.",
        "{p}: tudo o que você precisa saber. Mais ideias no blog.",
        "Amamos: {h}. Descubra {p} e muito mais.",
    ),
    "ja": (
        "{p}をお探しですか？作り方を一つずつ紹介します。",
        "{p}について知っておきたいこと。続きはブログで。",
        "お気に入りの{h}。{p}のアイデアをもっと見る。",
    ),
    "hi": (
        "{p} खोज रहे हैं? यहाँ पूरा तरीक़ा क़दम दर क़दम देखें।",
        "{p}: शुरू करने से पहले सब कुछ जानें। और आइडिया ब्लॉग पर।",
        "हमें पसंद है: {h}। {p} और बहुत कुछ देखें।",
    ),
}
_TAGS = {
    "home": ("homedecor", "interiordesign", "homeinspo", "decor", "apartmenttherapy"),
    "recipes": ("recipe", "foodie", "easyrecipes", "homecooking", "yum"),
    "fashion": ("ootd", "fashion", "style", "outfitinspo", "streetstyle"),
    "travel": ("travel", "wanderlust", "travelguide", "bucketlist", "vacation"),
    "diy": ("diy", "crafts", "handmade", "diyproject", "crafty"),
}
_SEEN = {"home": (1, 2, 3), "recipes": (2,), "fashion": (2, 3), "travel": (), "diy": (2, 3)}
"""Facets that the image shows of the thing itself, said before it."""

_FRAMES = {
    "home": ("a {thing}", "a photo of a {thing}", "a {thing} next to a window"),
    "recipes": ("a plate of {thing} on a wooden table", "a close up of {thing} in a bowl",
                "{thing} on a white plate", "a hand holding {thing}"),
    "fashion": ("a woman wearing a {thing}", "a {thing} on a white background",
                "a {thing} on a hanger", "a mirror selfie of a woman in a {thing}"),
    "travel": ("a scenic view of {thing}", "a photo of {thing}", "people walking in {thing}",
               "a blog graphic about {thing}"),
    "diy": ("a handmade {thing} on a table", "a {thing}", "hands making a {thing}"),
}  # fmt: skip
_SETTINGS = {
    "home": (4, " in a {}"), "recipes": (4, " for {}"), "fashion": (4, ", {} look"),
    "travel": (2, " with {}"), "diy": (4, " for {}"),
}  # fmt: skip
"""Facets that the image may show around it."""

_IN_A_TAG = "LMN"
"""Letters, marks and numbers."""

_MISREAD = 0.06
"""How often the vision model takes a visible value for another of its facet."""


def capitalized(text: str, draw: random.Random) -> str:
    """Return a heading's usual case: every word's first letter, or only the first word's."""
    if draw.random() < 0.6:
        return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))
    return text[:1].upper() + text[1:]


def title_of(theme: Theme, values: Sequence[int], language: int, draw: random.Random) -> str:
    """Return a title: missing for 12 of 100 pins, clickbait for 6, else the head and more."""
    chance = draw.random()
    name = LANGUAGES[language]
    if chance < 0.12:
        return ""
    if chance < 0.18:
        return draw.choice(_CLICKBAIT[name])
    facets = pick(values, draw.choice((1, 2, 3, 3, 4)), draw)
    phrase = say(theme, values, facets, language, draw)
    if name != "de" and name != "fr":
        phrase = capitalized(phrase, draw)
    title = draw.choice(_TITLES[name]).format(p=phrase, tag=draw.choice(_TAGS[theme.name]))
    return title[:1].upper() + title[1:]


def description_of(theme: Theme, values: Sequence[int], language: int, draw: random.Random) -> str:
    """Return a description: missing for 35 of 100 pins, hashtags alone for 15, else sentences."""
    chance = draw.random()
    if chance < 0.35:
        return ""
    facets = pick(values, 3, draw)
    if chance < 0.5:
        words = [word_of(theme, facet, values[facet], language, draw) for facet in facets]
        tags = [_tag(word) for word in words]
        general = draw.sample(_TAGS[theme.name], 3)
        return " ".join(f"#{tag}" for tag in (*tags, *general))
    head = word_of(theme, 0, values[0], language, draw)
    phrase = say(theme, values, facets, language, draw)
    text = draw.choice(_DESCRIPTIONS[LANGUAGES[language]]).format(p=phrase, h=head)
    text = text[:1].upper() + text[1:]
    if draw.random() < 0.3:
        text += " " + " ".join(f"#{tag}" for tag in draw.sample(_TAGS[theme.name], 2))
    return text


def caption_of(theme: Theme, values: Sequence[int], draw: random.Random) -> str:
    """Return what a vision model says of the image: English, what can be seen, at times wrong."""
    words = [_seen(theme, facet, value, draw) for facet, value in enumerate(values)]
    adjectives = [words[facet] for facet in _SEEN[theme.name] if draw.random() < 0.85]
    thing = " ".join(word for word in (*adjectives, words[0]) if word)
    frame = draw.choice(_FRAMES[theme.name])
    if _is_plural(words[0]):
        frame = frame.replace("a {thing}", "{thing}").replace("a handmade", "handmade")
    text = frame.format(thing=thing)
    facet, setting = _SETTINGS[theme.name]
    if words[facet] and draw.random() < 0.6:
        text += setting.format(words[facet])
    return _with_articles(text)


def _tag(words: str) -> str:
    return "".join(char for char in words.lower() if category(char)[0] in _IN_A_TAG)


def _seen(theme: Theme, facet: int, value: int, draw: random.Random) -> str:
    if value < 0:
        return ""
    if draw.random() < _MISREAD:
        value = draw.randrange(len(theme.values[facet]))
    return theme.values[facet][value].words[0][0]


def _is_plural(word: str) -> bool:
    return word.endswith("s") and not word.endswith("ss")


def _with_articles(text: str) -> str:
    """Return the text with "an" before vowels."""
    words = text.split(" ")
    following = [*words[1:], ""]
    said = zip(words, following, strict=True)
    return " ".join("an" if w == "a" and n[:1] in tuple("aeiou") else w for w, n in said)
