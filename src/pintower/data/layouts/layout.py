"""What a public dataset's layout is, and how one is told by the files of a folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pintower.data.origin import Rows
from pintower.errors import DatasetError

__all__ = ["Layout", "PublicTables", "find_layout"]


@dataclass(frozen=True)
class PublicTables:
    """A public dataset's rows under the dataset folder's column names, not yet checked.

    Attributes:
        pins: with ``pin_id`` and text columns, one row a pin.
        judgments: ``query``, ``pin_id``, ``level``, and ``split`` or ``language`` where upstream
            has them; every pin is in ``pins``.
        impressions: pairs that were shown, ``query`` and ``pin_id``; None where there are none.
    """

    pins: Rows
    judgments: Rows
    impressions: Rows | None = None


@dataclass(frozen=True)
class Layout:
    """A public dataset as it is downloaded.

    Attributes:
        name: of the dataset.
        source: where it is downloaded.
        files: the names each part may have, of which the first that is there counts; the parts
            are ``pins``, ``judgments`` and whatever else upstream keeps in a file of its own.
        levels: the level (1 to 5) of each upstream label.
        read: from the parts' paths to the tables.
    """

    name: str
    source: str
    files: Mapping[str, Sequence[str]]
    levels: Mapping[str, int]
    read: Callable[[Mapping[str, Path]], PublicTables]

    def find(self, folder: Path) -> dict[str, Path]:
        """Return the path of each part; empty if the folder holds none of them.

        Raises:
            DatasetError: if it holds some parts and lacks others.
        """
        found = {
            part: folder / name
            for part, names in self.files.items()
            for name in reversed(names)
            if (folder / name).is_file()
        }
        missing = [" or ".join(names) for part, names in self.files.items() if part not in found]
        if found and missing:
            there = ", ".join(path.name for path in found.values())
            raise DatasetError(
                f"{folder} holds {there} as {self.name} does, but lacks {', '.join(missing)}. "
                f"Download the rest from {self.source} into the same folder."
            )
        return found


def find_layout(folder: Path, layouts: Sequence[Layout]) -> tuple[Layout, dict[str, Path]] | None:
    """Return the layout of a folder with the paths of its parts, or None for no public one.

    Raises:
        DatasetError: if parts of a layout are missing, or the folder holds two layouts.
    """
    found = [(layout, layout.find(folder)) for layout in layouts]
    present = [(layout, files) for layout, files in found if files]
    if len(present) > 1:
        names = " and ".join(layout.name for layout, _ in present)
        raise DatasetError(f"{folder} holds the files of {names}; keep each in its own folder.")
    return present[0] if present else None
