"""A load balancer with a function as its target: repeated parameters and headers."""

import json
from collections.abc import Iterator

import httpx
import pytest

from localcloud.running_application import RunningApplication
from tests.examples.conftest import documented_answers, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def readers() -> Iterator[RunningApplication]:
    network = {"VpcId": "vpc-00000000", "SubnetIds": "subnet-00000001,subnet-00000002"}
    with running("alb", network) as application:
        yield application


def get(
    readers: RunningApplication, path: str, cookie: str = "", method: str = "GET"
) -> httpx.Response:
    [url] = readers.stack.load_balancers().values()
    headers = {"Cookie": cookie} if cookie else {}
    return httpx.request(method, url + path, headers=headers, trust_env=False, timeout=30)


def test_repeated_parameter_and_two_cookies_pass_the_load_balancer(readers: RunningApplication):
    chosen = get(readers, "/preferences?language=de&language=fr&theme=%64ark")
    assert chosen.status_code == 200, chosen.text
    assert chosen.json() == {"language": ["de", "fr"], "theme": ["dark"]}
    cookies = [each.partition(";")[0] for each in chosen.headers.get_list("set-cookie")]
    assert cookies == ["language=de.fr", "theme=dark"]
    assert get(readers, "/preferences", "; ".join(cookies)).json() == chosen.json()


def test_unknown_value_is_refused_by_the_function(readers: RunningApplication):
    refused = get(readers, "/preferences?theme=green")
    assert refused.status_code == 400
    assert refused.json() == {"message": "theme: expected dark or light, got 'green'"}


def test_other_paths_and_methods_do_not_reach_the_function(readers: RunningApplication):
    assert get(readers, "/admin").status_code == 404
    assert get(readers, "/preferences", method="POST").status_code == 404


def test_failing_function_is_a_bad_gateway_without_details_until_it_is_fixed(
    readers: RunningApplication,
):
    client = readers.cloud.client("lambda")
    function = readers.stack.function_name("PreferencesFunction")

    def use(handler: str) -> None:
        client.update_function_configuration(FunctionName=function, Handler=handler)
        client.get_waiter("function_updated_v2").wait(FunctionName=function)

    use("preferences.missing")
    broken = get(readers, "/preferences")
    assert broken.status_code == 502
    assert "missing" not in broken.text
    use("preferences.handler")
    assert get(readers, "/preferences").status_code == 200


def test_load_balancer_may_invoke_the_function(readers: RunningApplication):
    name = readers.stack.function_name("PreferencesFunction")
    policy = readers.cloud.client("lambda").get_policy(FunctionName=name)["Policy"]
    assert "elasticloadbalancing.amazonaws.com" in policy


def test_sample_event_of_the_readme_sets_both_cookies(readers: RunningApplication):
    [answer] = documented_answers(readers, "alb")
    cookies = json.loads(answer.payload)["multiValueHeaders"]["set-cookie"]
    assert [each.partition(";")[0] for each in cookies] == ["language=de.fr", "theme=dark"]
