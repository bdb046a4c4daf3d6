"""The attack on an application that the test starts; `make attack` attacks a running one."""

from collections.abc import Iterator

import pytest
from rich.console import Console

from demo import application
from localcloud.cloud import Cloud
from localcloud.running_application import running_application
from ops import publish_site
from tests.e2e.conftest import OWN_ENVIRONMENT, free_port
from tests.hostile.browser_cases import NOT_RUN
from tests.hostile.case import Case
from tests.hostile.cases import CASES
from tests.hostile.target import Target, address_of, prepared

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    cloud = Cloud("127.0.0.1", free_port())
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_ENVIRONMENT:
            patch.delenv(name, raising=False)
        for name, value in cloud.environment.items():
            patch.setenv(name, value)
        environment = application.build_environment(OWN_ENVIRONMENT)
        gallery, console = application.gallery(cloud), Console(width=200)
        with running_application(gallery, cloud, cloud.port + 1, environment, console) as running:
            site = publish_site.Site(
                cloud.client("s3"), cloud.client("cloudfront"), running.outputs
            )
            publish_site.publish(site)
            [url] = running.distributions.values()
            with prepared(cloud, running.outputs, address_of(url)) as target:
                yield target


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.name}")
def test_attack_has_the_expected_outcome(target: Target, case: Case):
    got = case.attack(target)
    if got == NOT_RUN:
        if OWN_ENVIRONMENT.get("CI"):
            pytest.fail(f"CI must not skip the browser's cases: {got}")
        pytest.skip(got)
    assert got in case.expected
