"""An encoder's folder for the older libraries that peers run with."""

import json
import shutil
from pathlib import Path
from typing import Any

__all__ = ["older_encoder"]


def older_encoder(source: Path, target: Path, max_tokens: int) -> None:
    """Copy a sentence-transformers folder so that every release of the library reads it.

    Args:
        source: as the library's releases 5 and 6 write it.
        target: absent.
        max_tokens: that a text is cut to.
    """
    shutil.copytree(source, target)
    modules: list[dict[str, Any]] = json.loads((source / "modules.json").read_text("utf-8"))
    for module in modules:
        kind = module["type"].rpartition(".")[2]
        module["type"] = f"sentence_transformers.models.{kind}"
        path = target / module["path"] / "config.json"
        if kind == "Pooling":
            config = json.loads(path.read_text("utf-8"))
            mode = config["pooling_mode"]
            config = {
                "word_embedding_dimension": config["embedding_dimension"],
                "pooling_mode_mean_tokens": mode == "mean",
                "pooling_mode_cls_token": mode == "cls",
            }
            path.write_text(json.dumps(config), "utf-8")
        elif kind == "Dense":
            config = json.loads(path.read_text("utf-8"))
            for key in ("module_input_name", "module_output_name"):
                config.pop(key, None)
            path.write_text(json.dumps(config), "utf-8")
    (target / "modules.json").write_text(json.dumps(modules), "utf-8")
    settings = {"max_seq_length": max_tokens, "do_lower_case": False}
    (target / "sentence_bert_config.json").write_text(json.dumps(settings), "utf-8")
