"""The import rule: layers import downwards only, and no stage imports another."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "pintower"

FOUNDATION = {
    "__init__", "accelerators", "artifacts", "assets", "config", "contracts", "disk", "errors",
    "gates", "progress", "recipes", "targets", "triton_releases", "versions", "whole_numbers",
}  # fmt: skip
DOMAIN = {"client", "data", "figures", "metrics", "models", "serving", "snapshot", "text"}
STAGES = {
    "bench", "evaluation", "export", "labels", "pins", "release", "report", "repository",
    "student", "teacher",
}  # fmt: skip
TOP = {
    "__main__", "cli", "encoder_choice", "estimates", "forecast", "keys", "outlook", "pipeline",
    "stages",
}  # fmt: skip


def layer(name: str) -> int:
    """Return the height of a part of the package: foundation 0 to command line 3."""
    for height, parts in enumerate((FOUNDATION, DOMAIN, STAGES, TOP)):
        if name in parts:
            return height
    raise AssertionError(f"src/pintower/{name} belongs to no layer: name one in this test")


def part_of(path: Path, package: Path) -> str:
    """Return the part of the package a file belongs to."""
    return path.relative_to(package).parts[0].removesuffix(".py")


def violations(package: Path) -> list[str]:
    """Return every import that goes upwards or from one stage to another."""
    found = []
    for path in sorted(package.rglob("*.py")):
        own = part_of(path, package)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for name in imported(node, path, package):
                other = name.split(".")[1] if "." in name else "__init__"
                if other == own:
                    continue
                sideways = own in STAGES and other in STAGES
                if layer(other) > layer(own) or sideways:
                    found.append(f"{path.relative_to(package)}: {own} imports {other}")
    return found


def imported(node: ast.AST, path: Path, package: Path) -> list[str]:
    """Return the absolute names of pintower's modules that a statement imports."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level:
        base = ("pintower", *path.relative_to(package).parts[: -node.level])
        names = [".".join([*base, node.module or alias.name]) for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module == "pintower":
        names = [f"pintower.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
    else:
        return []
    return [
        "pintower" if name == "pintower.__version__" else name
        for name in names
        if name.split(".")[0] == "pintower"
    ]


def test_layers_import_downwards_and_no_stage_imports_another() -> None:
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("labels.py", "from pintower.teacher import run"),
        ("labels.py", "import pintower.export.stage"),
        ("labels.py", "from pintower import student"),
        ("pins/store.py", "from ..export import stage"),
        ("text/terms.py", "from pintower.labels import run"),
        ("artifacts.py", "def later():\n    from pintower.data import reader"),
        ("models/student.py", "from pintower.cli import app"),
    ],
)
def test_the_rule_sees_every_way_of_importing(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line)
    assert len(violations(tmp_path)) == 1


def test_what_serving_copies_needs_numpy_and_the_standard_library_only() -> None:
    allowed = {"numpy", "json", "re", "unicodedata", "dataclasses", "functools", "hashlib",
               "bisect", "collections", "itertools", "pathlib", "string", "struct",
               "typing"}  # fmt: skip
    for path in [path for name in ("text", "snapshot") for path in (PACKAGE / name).glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = {(node.module or "").split(".")[0]}
            else:
                continue
            assert names <= allowed, f"{path.name} imports {names - allowed}"
