"""Where a command may put the picture that it draws."""

import argparse
from pathlib import Path
from typing import Final

_FORMATS: Final = {".png", ".svg"}


def plot_file(text: str) -> Path:
    """A file that can be written, as argparse takes types.

    Raises:
        ArgumentTypeError: matplotlib would not know the format, or there is no such folder.
    """
    path = Path(text)
    if path.suffix not in _FORMATS:
        raise argparse.ArgumentTypeError(f"{text!r} must end in .svg or .png")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {str(path.parent)!r}")
    return path
