"""Every file that is generated from the code, by its place in the project: written, or compared.

What a file holds is another module's affair; nothing is started.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from brewsaga import api_files, chart_files, dashboards, forms, metrics_page

Texts = Mapping[str, str]
"""Names and texts of the files of one folder."""

FOLDERS: Final[Mapping[str, Callable[[], Texts]]] = {
    "docs/api": api_files.described,
    "docs": lambda: {"metrics.md": metrics_page.page()},
    "docs/cli": forms.described,
    "helm/brewsaga": chart_files.described,
    "helm/brewsaga/files/dashboards": dashboards.described,
}


def differing(root: Path) -> list[str]:
    """The files under `root` that are not as the code would write them."""
    return [
        name
        for name, text in _texts().items()
        if not (root / name).exists() or (root / name).read_text(encoding="utf-8") != text
    ]


def write(root: Path) -> None:
    """Put every file into its place under `root`."""
    for name, text in _texts().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _texts() -> dict[str, str]:
    return {
        f"{folder}/{name}": text
        for folder, made in FOLDERS.items()
        for name, text in made().items()
    }
