"""The argument type of --plot."""

import argparse
from pathlib import Path
from typing import Final

_FORMATS: Final = {".png", ".svg"}


def plot_file(text: str) -> Path:
    """The path of a picture to write.

    Raises:
        ArgumentTypeError: the format is not supported, or the folder does not exist.
    """
    path = Path(text)
    if path.suffix not in _FORMATS:
        raise argparse.ArgumentTypeError(f"invalid file {text!r}: expected .svg or .png")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder {str(path.parent)!r} does not exist")
    return path
