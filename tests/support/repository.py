"""Where the repository is, and its template."""

from pathlib import Path
from typing import Final

from tools.translate import load_template

__all__ = ["ROOT", "load_template"]

ROOT: Final = Path(__file__).parents[2]
