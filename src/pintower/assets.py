"""Where the hand-written folders lie: ``export/``, ``recipes/`` and ``triton_models/``.

In a checkout they stand at its top; an installed wheel carries them in ``pintower/_assets``.
"""

from pathlib import Path

from pintower.errors import SetupError

__all__ = ["asset"]

_PACKAGE = Path(__file__).parent


def asset(*parts: str) -> Path:
    """Return the path of a hand-written file or folder, e.g. ``asset("triton_models")``.

    Raises:
        SetupError: if neither the package nor the checkout holds it.
    """
    for root in (_PACKAGE / "_assets", _PACKAGE.parent.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise SetupError(
        f"pintower's own file {'/'.join(parts)} is missing: looked in {_PACKAGE / '_assets'} and "
        f"{_PACKAGE.parent.parent}. The installation is incomplete; install pintower again."
    )
