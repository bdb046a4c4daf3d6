"""`python -m tests.fuzz TARGET`: run atheris on one target, until an input makes it fail."""

import argparse
import resource
import sys
import tempfile
from pathlib import Path
from typing import Final

TARGET_NAMES: Final = ("photo", "uploads", "views", "changes", "bodies", "cursors", "pages")
"""The keys of `TARGETS` in targets.py."""
_ADDRESS_SPACE = 4 * 2**30
_SECONDS_OF_ONE_INPUT = 60  # the timeout of the thumbnailer


def main() -> None:
    """Start libFuzzer, which ends the process: status 0 if nothing was found in the time."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", usage=argparse.SUPPRESS)
    parser.add_argument("target", choices=TARGET_NAMES)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="0 takes another one each time")
    given = parser.parse_args()
    # After the check of the arguments: these imports print a line for each module.
    import atheris

    with atheris.instrument_imports(
        include=[
            "thumbnailer",
            "view_counter",
            "catalog_replicator",
            "gallery_api",
            "edge_headers",
            "shared",
            "PIL",
            "pi_heif",
        ],
        enable_loader_override=False,
    ):
        from tests.fuzz.targets import TARGETS
    from tests.fuzz.seeds import seeds

    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{given.target}-"))
    for number, data in enumerate(seeds(given.target)):
        (folder / f"seed-{number}").write_bytes(data)
    print(f"corpus and findings are in {folder}", flush=True)
    options = [
        f"-max_total_time={given.seconds}",
        f"-timeout={_SECONDS_OF_ONE_INPUT}",
        f"-artifact_prefix={folder}/found-",
        f"-seed={given.seed}",
        "-max_len=65536",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], TARGETS[given.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
