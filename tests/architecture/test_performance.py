"""docs/performance.md has results of benchmarks that exist, and of no other."""

import re

from bench.run import BENCHMARKS
from tests.support.repository import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"


def test_every_result_is_of_a_benchmark_with_a_baseline():
    headings = re.findall(r"^## `bench/(\w+)\.py`$", DOCUMENT.read_text(), re.MULTILINE)
    assert headings
    published = [each.name for each in BENCHMARKS if each.has_baseline]
    assert headings == [name for name in published if name in headings]
    for name in re.findall(r"bench/(\w+)\.py", DOCUMENT.read_text()):
        assert (ROOT / "bench" / f"{name}.py").exists(), (
            f"docs/performance.md names bench/{name}.py"
        )


def test_every_chart_is_of_a_benchmark_and_in_the_document():
    charts = {path.stem for path in (ROOT / "docs" / "performance").iterdir()}
    assert charts <= {each.name for each in BENCHMARKS if each.has_plot}
    named = re.findall(r"\(performance/(\w+)\.svg\)", DOCUMENT.read_text())
    assert sorted(named) == sorted(charts)
