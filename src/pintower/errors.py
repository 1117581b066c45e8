"""Every error pintower raises on purpose.

    PintowerError                 base: one clear message, no traceback on the command line
    ├── InputError                what the user gave is wrong (exit code 2)
    │   ├── DatasetError          a dataset folder or one of its tables
    │   ├── RecipeError           a recipe, one of its keys, a --set
    │   ├── StudentError          a student folder or the encoder named for one
    │   └── RepositoryError       a model repository or a snapshot that cannot be read
    ├── SetupError                what this machine lacks: server environment, port, package (2)
    └── GateFailed                a measured check stopped the release (exit code 1)

A message says what happened, what was given, what is allowed and what to do.
"""

__all__ = [
    "DatasetError",
    "GateFailed",
    "InputError",
    "PintowerError",
    "RecipeError",
    "RepositoryError",
    "SetupError",
    "StudentError",
]


class PintowerError(Exception):
    """Base of every error raised on purpose; ``exit_code`` is what the command line ends with."""

    exit_code = 2


class InputError(PintowerError):
    """What the user gave is wrong or missing."""


class DatasetError(InputError):
    """A dataset folder, or a table in it, does not hold what it should."""


class RecipeError(InputError):
    """A recipe, or an override given with ``--set``, is not valid."""


class StudentError(InputError):
    """A student folder, or the encoder named for one, cannot be used."""


class RepositoryError(InputError):
    """A model repository or a snapshot cannot be read."""


class SetupError(PintowerError):
    """This machine lacks something: the server environment, a free port, an optional package."""


class GateFailed(PintowerError):
    """A measured check failed, so nothing was released."""

    exit_code = 1
