"""`make cost` as a command: its options, its errors, and the documents that it writes."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from ops.cost.__main__ import COMMITTED, COMPARED, DEPLOY, DOCUMENTS, answer, documents, main
from ops.cost.comparison_plot import load_before
from ops.cost.figures import load_figures
from ops.cost.prices import load_prices
from ops.cost.report import CostEstimate, as_text, bars, dollars, label
from ops.cost.scenario import SCENARIOS, Scenario, load_scenario

HOBBY = SCENARIOS / "hobby.toml"


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


@functools.cache
def estimate(name: str) -> CostEstimate:
    """Of a committed scenario, with the committed figures."""
    return answer(load_scenario(name), load_figures({}), load_prices())


def test_the_committed_reports_are_current():
    for path, text in documents().items():
        assert path.read_text() == text, (
            f"{path} does not have the figures of the template: run make cost ARGS=--write."
        )


def test_deploy_page_has_the_cost_of_each_stage_and_scenario():
    page = documents()[DEPLOY]
    for stage, bill in estimate("hobby").idle.items():
        assert f"| `{stage}` | ${bill.usd:.2f} | $" in page
    for name in COMMITTED:
        found = estimate(name)
        exceeded = sum(each.is_exceeded for each in found.limits) or "none"
        usd = float(f"{found.bill.usd:.2g}")
        assert f"| {found.scenario.title} | ${usd:,.0f} | {exceeded} |" in page


def test_the_committed_plot_is_current():
    """If not: `make cost ARGS=--write`."""
    drawn = (DOCUMENTS / "scenarios.svg").read_text()
    prices = load_prices()
    for name in COMMITTED:
        bill = estimate(name).bill
        for service, usd in bars(bill, prices).items():
            assert f">{service}<" in drawn
            assert label(usd, bill.usd).replace("<", "&lt;") in drawn, (name, service)


@pytest.mark.parametrize("name", COMPARED)
def test_the_committed_comparison_is_current(name: str):
    """If not: `make cost ARGS=--write`."""
    drawn = (DOCUMENTS / f"{name}-before-and-now.svg").read_text()
    found, before = estimate(name), load_before(name)
    assert f"{dollars(before['usd'])} a month before, {dollars(found.bill.usd)} now" in drawn
    exceeded = sum(limit.is_exceeded for limit in found.limits)
    assert f"below 1 before, {exceeded} now" in drawn


def test_internet_scale_stays_within_the_targets_of_cost_and_limits():
    """A larger bill, or a limit that only another design raises, needs a decision."""
    internet = estimate("internet")
    assert internet.bill.usd <= 1_250_000
    views_by_url = answer(
        load_scenario("internet"),
        load_figures({}),
        load_prices(),
        parameters={"ViewsApi": "function-url"},
    )
    assert views_by_url.bill.usd <= 1_050_000
    exceeded = [limit for limit in internet.limits if limit.is_exceeded]
    assert len(exceeded) <= 10
    assert {limit.quota.raised_by for limit in exceeded} <= {"quota", "parameter"}
    for limit in internet.limits:
        assert limit.quota.raised_by != "design" or limit.times >= 3, limit.quota.what
    assert estimate("million").bill.usd <= 3_300


def test_internet_scale_exceeds_limits_and_hobby_does_not(capsys: pytest.CaptureFixture[str]):
    report = as_text(estimate("internet"), load_prices(), load_figures({}))
    assert "does NOT process this traffic" in report
    assert "The stack processes this traffic at its peak" in asked(capsys, "--scenario", "hobby")


def test_json_has_the_bill_the_idle_stages_and_the_limits(capsys: pytest.CaptureFixture[str]):
    found = json.loads(asked(capsys, "--scenario", "hobby", "--json", "--stage", "dev"))
    assert found["stage"] == "dev"
    assert found["usd"] == pytest.approx(sum(line["usd"] for line in found["lines"]))
    assert found["idle_usd"].keys() == {"dev", "prod"}
    assert 0 < found["idle_usd"]["dev"] < found["idle_usd"]["prod"] < found["usd"] * 2
    keys = {"what", "times", "used", "limit", "unit", "raised_by", "then"}
    assert found["limits"][0].keys() == keys


def test_an_idle_stack_costs_the_same_whatever_the_scenario():
    hobby, *others = [
        {stage: bill.usd for stage, bill in estimate(name).idle.items()} for name in COMMITTED
    ]
    for other in others:
        assert other == hobby


def test_flags_and_settings_change_the_scenario(capsys: pytest.CaptureFixture[str]):
    changed = json.loads(
        asked(
            capsys,
            *("--scenario", "hobby", "--json", "--photos-per-day", "50", "--views-per-second", "2"),
            *("--visits-per-day", "7", "--set", "peak_factor=2"),
        )
    )["scenario"]
    assert changed["photos_per_day"] == 50
    assert changed["views_per_day"] == 172_800
    assert changed["visits_per_day"] == 7
    assert changed["peak_factor"] == 2


def test_a_given_figure_and_a_parameter_change_the_bill(capsys: pytest.CaptureFixture[str]):
    @functools.cache
    def lines(*arguments: str) -> list[dict[str, Any]]:
        return list(
            json.loads(asked(capsys, "--scenario", "million", "--json", *arguments))["lines"]
        )

    def usd(meter: str, *arguments: str) -> float:
        return sum(line["usd"] for line in lines(*arguments) if line["meter"] == meter)

    assert usd("lambda_arm64", "--figure", "thumbnailer_wait_ms=3500") > usd("lambda_arm64") * 2
    assert usd("kinesis_shards", "--parameter", "ViewsShardCount=3") == pytest.approx(
        3 * usd("kinesis_shards")
    )
    assert usd("lambda_arm64", "--parameter", "Architecture=x86_64") == 0
    assert usd("lambda_x86_64", "--parameter", "Architecture=x86_64") > 0
    assert usd("kinesis_in", "--parameter", "ViewsStreamMode=ON_DEMAND") > 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("views_per_day = 300\n", "", "missing required field `views_per_day`"),
        (
            "views_per_day = 300",
            "views_per_day = -1",
            "Expected `float` >= 0.0 - at `$.views_per_day`",
        ),
        ("views_per_day = 300", "views_per_day = 'many'", "Expected `float`, got `str`"),
        ("views_per_day = 300", "views_a_day = 300", "unknown field `views_a_day`"),
        ("views_per_day = 300", "views_per_day = nan", "Expected `float` >= 0.0"),
        ("views_per_day = 300", "views_per_day = inf", "Expected `float` <= 1000000000000000.0"),
        ("deleted_share = 0.05", "deleted_share = 5", "Expected `float` <= 1.0"),
        ("peak_factor = 10", "peak_factor = 0", "Expected `float` >= 1.0"),
        ("views_per_day = 300", "views_per_day 300", "Expected '=' after a key"),
    ],
)
def test_a_bad_scenario_is_refused_with_its_reason(
    old: str, new: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "mine.toml"
    file.write_text(HOBBY.read_text().replace(old, new))
    assert main(["--scenario", str(file)]) == 2
    output = capsys.readouterr().err
    assert output.startswith("cost: ")
    assert str(file) in output
    assert message in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--scenario", "small_gallery"],
            "no scenario 'small_gallery': pass a file, or one of hobby,",
        ),
        (["--scenario", ""], "no scenario '': pass a file, or one of hobby,"),
        (["--set", "views=1"], "unknown field 'views': expected one of title, photos_per_day"),
        (["--set", "views_per_day=many"], "views_per_day is 'many': expected a number"),
        (["--set", "views_per_day"], "invalid argument 'views_per_day': expected KEY=VALUE"),
        (["--set", "views_per_day=-1"], "cost: views_per_day is '-1': Expected `float` >= 0.0"),
        (["--views-per-second", "-1"], "cost: views_per_day is '-86400.0': Expected `float` >="),
        (["--photos-per-day", "1e300"], "cost: photos_per_day is '1e+300': Expected `float` <="),
        (["--figure", "speed=1"], "unknown figure 'speed': expected one of thumbnailer_cpu_ms"),
        (["--figure", "api_cpu_ms=fast"], "api_cpu_ms is 'fast': expected a number"),
        (["--figure", "api_cpu_ms=-1"], "api_cpu_ms is -1: expected a finite number of at least 0"),
        (["--parameter", "Shards=1"], "template.yaml has no parameter 'Shards'"),
    ],
)
def test_an_invalid_argument_is_refused_with_its_reason(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_the_title_names_what_is_overridden(capsys: pytest.CaptureFixture[str]):
    assert main(["--scenario", "hobby", "--photos-per-day", "0"]) == 0
    title = f"{load_scenario('hobby').title}, with photos_per_day=0.0"
    assert capsys.readouterr().out.startswith(title)


def test_every_scenario_here_is_committed_and_has_every_field():
    assert {path.stem for path in SCENARIOS.glob("*.toml")} == set(COMMITTED)
    for name in COMMITTED:
        assert isinstance(load_scenario(name), Scenario)


def test_every_price_has_its_source():
    for meter, price in load_prices().items():
        assert price.source.startswith("https://aws.amazon.com/"), meter
        assert price.seen, meter
        assert [tier.above for tier in price.tiers] == sorted(tier.above for tier in price.tiers)
        assert price.tiers[0].above == 0


def test_each_tier_is_billed_for_its_part():
    """400 million requests: 333 at 3.50 and 67 at 2.80."""
    price = load_prices()["api_requests"]
    assert price.cost(400e6, free_tier=False) == pytest.approx(333 * 3.50 + 67 * 2.80)
