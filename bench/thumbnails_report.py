"""Prints and draws what `bench/thumbnails.py` measured."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from results import print_table, verdict

OURS, DECODER, NAIVE = "thumbnailer", "its decoder alone", "naive Pillow"
CHAINED, SHARP = "pyvips, chained", "sharp"

type Results = dict[str, dict[str, Any]]

mpl.use("svg")


def _likeness(values: list[tuple[float, float] | None]) -> tuple[str, str]:
    """PSNR and SSIM of each size."""
    return (
        " ".join("-" if value is None else f"{value[0]:.1f}" for value in values),
        " ".join("-" if value is None else f"{value[1]:.4f}" for value in values),
    )


def print_input(photo: str, size: int, results: Results) -> None:
    print_table(
        f"{photo}, {size / 1e6:.1f} MB → 1600, 640 and 256 pixels",
        (
            "",
            "before encoding",
            "times ours",
            "whole job",
            "times ours",
            "peak memory",
            "PSNR in dB",
            "SSIM",
        ),
        [
            (
                name,
                f"{1000 * result['scale']:.0f} ms",
                f"{result['scale_ratio']:.2f}",
                f"{1000 * result['whole']:.0f} ms",
                f"{result['whole_ratio']:.2f}",
                f"{result['peak'] / 1e6:.0f} MB",
                *(("reference", "") if name == NAIVE else _likeness(result["likeness"])),
            )
            for name, result in results.items()
        ],
    )


def _figures(photo: str, results: Results) -> dict[str, str]:
    ours, naive = results[OURS], results[NAIVE]
    limit = 1.1 if photo.endswith("JPEG") else 1.3

    def at_most(ratio: float, most: float) -> str:
        return f"{ratio:.2f} (at most {most}: {verdict(met=ratio <= most)})"

    worst, least_alike = (min(values) for values in zip(*ours["likeness"], strict=True))
    figures = {
        "before encoding, times its decoder alone": f"{1 / results[DECODER]['scale_ratio']:.2f}",
        "memory, times naive": at_most(ours["peak"] / naive["peak"], 0.5),
        "lowest PSNR in dB": f"{worst:.1f} (at least 45: {verdict(met=worst >= 45)})",
        "lowest SSIM": f"{least_alike:.4f}",
        "naive Pillow's whole job, times ours": f"{naive['whole_ratio']:.2f}",
    }
    if CHAINED in results:
        ratio = 1 / results[CHAINED]["scale_ratio"]
        figures["before encoding, times pyvips chained"] = at_most(ratio, limit)
        decoder = results[DECODER]["scale"] / results[CHAINED]["scale"]
        figures["its decoder alone, times pyvips chained"] = f"{decoder:.2f}"
    if SHARP in results:
        figures["whole job, times sharp"] = at_most(1 / results[SHARP]["whole_ratio"], 1.0)
    return figures


def print_targets(results: dict[str, Results]) -> bool:
    """Print the figures that have targets; returns whether all are met."""
    columns = {photo: _figures(photo, result) for photo, result in results.items()}
    targets = dict.fromkeys(target for figures in columns.values() for target in figures)
    cells = {
        target: [figures.get(target, "") for figures in columns.values()] for target in targets
    }
    print_table("Targets", ("", *columns), [(target, *cells[target]) for target in targets])
    return not any("missed" in cell for each in cells.values() for cell in each)


def plot(results: dict[str, Results], file: Path) -> None:
    contenders = list(dict.fromkeys(name for result in results.values() for name in result))
    panels = {
        "before encoding, ms of CPU": lambda result: 1000 * result["scale"],
        "whole job, ms of CPU": lambda result: 1000 * result["whole"],
        "peak memory, MB": lambda result: result["peak"] / 1e6,
    }
    figure, axes = plt.subplots(1, len(panels), figsize=(15, 5), layout="constrained")
    height = 0.8 / len(contenders)
    for axis, (title, value) in zip(axes, panels.items(), strict=True):
        for place, name in enumerate(contenders):
            bars = [
                (row, value(results[photo][name]))
                for row, photo in enumerate(results)
                if name in results[photo]
            ]
            drawn = axis.barh(
                [row + place * height for row, _ in bars],
                [length for _, length in bars],
                height,
                label=name,
            )
            axis.bar_label(drawn, fmt="{:.0f}", fontsize=6, padding=2)
        axis.set_yticks([row + 0.4 - height / 2 for row in range(len(results))], list(results))
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:.0f}")
        axis.xaxis.set_minor_formatter("")
        axis.set_xlim(left=10)
        axis.set_title(title)
        axis.invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    figure.savefig(file, metadata={"Date": None})
