"""A repository served otherwise: the same models, with other instances, threads or merging."""

from pathlib import Path

from pintower.contracts import Contract
from pintower.repository.configs import model_configs
from pintower.repository.layout import RepositoryLayout
from pintower.repository.pbtxt import CONFIG_FILE, format_config, read_config
from pintower.repository.release_file import Release
from pintower.targets import Serving

__all__ = ["write_variant"]


def write_variant(repository: Path, serving: Serving, folder: Path) -> None:
    """Write a repository to measure: configurations of its own, everything else by links.

    Args:
        repository: a built one.
        serving: what is to be otherwise.
        folder: empty; becomes the variant. It is no release: it has no ``release.json``.

    Raises:
        InputError: if the settings do not fit the release's target.
        RepositoryError: if the repository is none, or of another version.
    """
    layout, variant = RepositoryLayout(repository.resolve()), RepositoryLayout(folder)
    contract = Contract.load(layout.contract)
    contract = contract.model_copy(update={"target": contract.target.served_as(serving)})
    release = Release.load(layout.release)
    for name, version in release.models.items():
        config = model_configs(contract, version)[name]
        if name == "relevance":
            for key, value in release.identity.items():
                config.parameters[key].string_value = value
        config.model_warmup.extend(read_config(layout.config(name)).model_warmup)
        place = variant.config(name).parent
        place.mkdir()
        for path in layout.config(name).parent.iterdir():
            if path.name != CONFIG_FILE:
                (place / path.name).symlink_to(path)
        variant.config(name).write_text(format_config(config), "utf-8")
