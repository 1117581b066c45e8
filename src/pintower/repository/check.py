"""Checking a model repository without a server: is everything what the release says it is.

Each finding is one line that names the model, the tensor or the file, what was found and what was
expected. A file changed by hand is found twice: by its checksum, and by what is wrong with it.
"""

from collections.abc import Iterator
from pathlib import Path

from tritonclient.grpc.model_config_pb2 import ModelConfig

from pintower.artifacts import MANIFEST, read_json
from pintower.contracts import Contract, graph_mismatches
from pintower.errors import InputError, RepositoryError
from pintower.gates import explain, failed, read_gates
from pintower.models.onnx_structure import read_graph
from pintower.repository.check_configs import config_findings
from pintower.repository.check_ensembles import ensemble_findings
from pintower.repository.check_parameters import parameter_findings
from pintower.repository.configs import model_configs
from pintower.repository.interfaces import SERVED_GRAPHS, TEXT_MODELS, interfaces
from pintower.repository.layout import RepositoryLayout, release_files, text_checksum
from pintower.repository.pbtxt import parse_config
from pintower.repository.release_file import Release

__all__ = ["check"]


def check(repository: Path) -> list[str]:
    """Return what is wrong with a model repository, a line each; nothing if it is good.

    Args:
        repository: the folder that holds ``release.json``.

    Raises:
        RepositoryError: if there is no such folder.
    """
    if not repository.is_dir():
        raise RepositoryError(f"The model repository {repository} does not exist.")
    layout = RepositoryLayout(repository)
    if not layout.release.is_file() and not layout.contract.is_file():
        raise RepositoryError(
            f"{repository} is not a model repository of pintower: it has neither release.json nor "
            "contract.json. In a work folder the repository is models/."
        )
    try:
        release = Release.load(layout.release)
        contract = Contract.load(layout.contract)
    except InputError as error:
        return [str(error)]
    configs, findings = _read_configs(layout, contract)
    for name, (config, text) in configs.items():
        findings += parameter_findings(name, config)
        if name in release.models:
            expected = model_configs(contract, release.models[name])[name]
            findings += config_findings(name, config, text, expected)
    findings += ensemble_findings({name: config for name, (config, _) in configs.items()}, layout)
    if "relevance" in configs:
        findings += _identity_findings(configs["relevance"][0], release)
    findings += _release_findings(release, contract)
    findings += _graph_findings(layout, release, contract)
    findings += _space_findings(layout, release, contract)
    findings += _text_findings(layout, release)
    findings += _padding_findings(layout, release)
    findings += _gate_findings(layout)
    findings += _file_findings(layout, release)
    return findings


def _read_configs(
    layout: RepositoryLayout, contract: Contract
) -> tuple[dict[str, tuple[ModelConfig, str]], list[str]]:
    """Return each model's configuration with its text, and those that can't be read."""
    configs, findings = {}, []
    for name in interfaces(contract):
        path = layout.config(name)
        try:
            text = path.read_text("utf-8")
            configs[name] = (parse_config(text, path), text)
        except (OSError, UnicodeDecodeError) as error:
            findings.append(f"{name}: {path} cannot be read: {error}")
        except RepositoryError as error:
            findings.append(f"{name}: {error}")
    return configs, findings


def _release_findings(release: Release, contract: Contract) -> Iterator[str]:
    """Compare what ``release.json`` names with the contract."""
    expected = set(interfaces(contract))
    for name in sorted(expected - release.models.keys()):
        yield f"release.json: model {name} has no version"
    for name in sorted(release.models.keys() - expected):
        yield f"release.json: model {name} is not one of this release; expected {sorted(expected)}"
    if release.target != contract.target.name:
        yield f"release.json: target {release.target}, contract.json says {contract.target.name}"
    if release.triton_release != contract.target.triton.name:
        yield (
            f"release.json: Triton {release.triton_release}, contract.json says "
            f"{contract.target.triton.name}"
        )
    for name in SERVED_GRAPHS:
        found, wanted = release.artifacts.get(name), contract.graphs[name].artifact_id
        if found != wanted:
            yield f"release.json: {name} has artifact id {found}, contract.json says {wanted}"
    for golden in release.golden:
        if len(golden.pin_ids) != len(golden.scores):
            yield (
                f"release.json: golden query {golden.query!r} has {len(golden.pin_ids)} pins and "
                f"{len(golden.scores)} scores"
            )


def _identity_findings(config: ModelConfig, release: Release) -> Iterator[str]:
    """Compare what a server would say of the release with ``release.json``."""
    for key, wanted in release.identity.items():
        found = config.parameters[key].string_value if key in config.parameters else None
        if found != wanted:
            yield f"relevance: parameter {key} is {found}, release.json says {wanted}"


def _graph_findings(
    layout: RepositoryLayout, release: Release, contract: Contract
) -> Iterator[str]:
    """Compare each ONNX file's own tensors with the contract."""
    for name in SERVED_GRAPHS:
        if name not in release.models:
            continue
        try:
            actual = read_graph(layout.graph(name, release.models[name]))
        except RepositoryError as error:
            yield f"{name}: {error}"
            continue
        built = contract.graphs[name]
        yield from graph_mismatches(built, actual)
        for what, limit in (
            ("ir_version", contract.target.triton.max_ir_version),
            ("opset", contract.target.triton.max_opset),
        ):
            if getattr(actual, what) > limit:
                yield (
                    f"{name}: the graph has {what} {getattr(actual, what)}, Triton "
                    f"{contract.target.triton.name} loads up to {limit}"
                )


def _space_findings(
    layout: RepositoryLayout, release: Release, contract: Contract
) -> Iterator[str]:
    """Compare the space ids of release, contract and snapshot."""
    if release.space_id != contract.space_id:
        yield f"release.json: space id {release.space_id}, contract.json says {contract.space_id}"
    version = release.models.get("pin_features")
    if version is None:
        return
    folder = layout.snapshot(version)
    try:
        info = read_json(folder / "snapshot.json")
        named = read_json(folder / MANIFEST).get("snapshot")
    except InputError as error:
        yield f"pin_features: {error}"
        return
    if named != release.snapshot.id:
        yield f"pin_features: it holds snapshot {named}, release.json says {release.snapshot.id}"
    for name, wanted in (
        ("space_id", release.space_id),
        ("artifact_id", release.snapshot.artifact_id),
        ("pins", release.snapshot.pins),
        ("width", contract.symbols["D"]),
    ):
        if info.get(name) != wanted:
            yield f"pin_features: the snapshot has {name} {info.get(name)}, expected {wanted}"


def _text_findings(layout: RepositoryLayout, release: Release) -> Iterator[str]:
    """Compare the text package of the models that carry it."""
    for name in TEXT_MODELS:
        if name not in release.models:
            continue
        folder = layout.version(name, release.models[name])
        found = text_checksum(folder)
        if found != release.text_package:
            yield (
                f"{name}: its text package has checksum {found}, release.json says "
                f"{release.text_package}"
            )


def _padding_findings(layout: RepositoryLayout, release: Release) -> Iterator[str]:
    """Compare whose ids the tokenizer makes with the encoder that is served.

    Padded for another encoder, its queries would be answered from that one's cache entries.
    """
    version = release.models.get("tokenizer")
    if version is None:
        return
    try:
        found = read_json(layout.served_encoder(version)).get("artifact_id")
    except InputError as error:
        yield f"tokenizer: {error}"
        return
    wanted = release.artifacts.get("query_encoder")
    if found != wanted:
        yield (
            f"tokenizer: it pads ids for the encoder with artifact id {found}, release.json says "
            f"{wanted}"
        )


def _gate_findings(layout: RepositoryLayout) -> Iterator[str]:
    """Report served gates that failed; a repository that was never served has none."""
    if not layout.gates.is_file():
        return
    try:
        gates = read_gates(layout.gates)
    except InputError as error:
        yield str(error)
        return
    for item in failed(gates):
        yield f"gates.json: {explain(item)}"


def _file_findings(layout: RepositoryLayout, release: Release) -> Iterator[str]:
    """Compare every file's SHA-256 with ``release.json``."""
    found = release_files(layout.root)
    for name in sorted(release.files.keys() | found.keys()):
        if name not in found:
            yield f"{name}: missing, release.json lists it"
        elif name not in release.files:
            yield f"{name}: not listed in release.json"
        elif found[name] != release.files[name]:
            yield f"{name}: SHA-256 {found[name]}, release.json says {release.files[name]}"
