"""What things are called on the page; a name that is not listed is shown in its own words."""

import re

__all__ = ["in_sentence", "measure_name", "model_name", "plain", "scenario_name", "step_name"]

_MODELS = {
    "student": "Student",
    "teacher": "Teacher",
    "bm25": "BM25",
    "cosine": "Untuned cosine",
    "mixture": "Mixture of cosine and BM25",
}
_MEASURES = {
    "ndcg@20": "nDCG@20",
    "p@8": "P@8",
    "sdcg@25": "sDCG@25",
    "kendall_tau": "Kendall's tau-b",
    "spearman": "Spearman",
    "accuracy": "Accuracy",
    "accuracy_within_one": "Accuracy within one level",
    "macro_f1": "Macro F1",
    "auroc_5": "AUROC 5",
    "ece": "Calibration error",
}
_SCENARIOS = {"log": "Query log, replayed once", "unique": "Every query once"}
_STEPS = {
    "tokenizer": "Tokenizer",
    "query_encoder": "Query encoder",
    "pin_features": "Pin features",
    "scorer": "Scorer",
}


def model_name(key: str) -> str:
    """Return a model's name."""
    return _MODELS.get(key, plain(key))


def in_sentence(name: str) -> str:
    """Return a model's name as it stands inside a sentence."""
    return name if name[1:2].isupper() else f"the {name[:1].lower()}{name[1:]}"


def measure_name(key: str) -> str:
    """Return a measure's name."""
    if key in _MEASURES:
        return _MEASURES[key]
    level = re.fullmatch(r"auroc_(\d)", key)
    return f"AUROC {level[1]}+" if level else plain(key)


def scenario_name(key: str) -> str:
    """Return a load scenario's name."""
    return _SCENARIOS.get(key, plain(key))


def step_name(key: str) -> str:
    """Return the name of an ensemble's step."""
    return _STEPS.get(key, plain(key))


def plain(key: str) -> str:
    """Return a key as words, the first one with a capital."""
    words = re.sub(r"[_.]+", " ", key).strip()
    return words[:1].upper() + words[1:]
