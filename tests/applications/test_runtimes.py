"""A custom runtime runs; the template check names a runtime that is not supported."""

import pytest

from localcloud import invocation
from localcloud.cloud import CloudError
from localcloud.template_check import check
from tests.applications.conftest import running


@pytest.mark.slow
def test_bootstrap_runs_and_another_runtime_is_named():
    with running("shout") as shout:
        limitations = check(shout.application, shout.cloud).limitations
        assert [(each.logical_id, each.outcome) for each in limitations] == [
            ("NodeFunction", "accepted without effect")
        ]
        functions = shout.stack.of_type("AWS::Lambda::Function")
        client = shout.cloud.client("lambda")
        answer = client.invoke(FunctionName=functions["ShoutFunction"], Payload=b'{"a": "b"}')
        assert answer["Payload"].read() == b'{"A": "B"}'
        result = invocation.invoke(shout.cloud, functions["ShoutFunction"], b'"hey"')
        assert (result.payload, result.function_error) == (b'"HEY"', "")
        with pytest.raises(CloudError, match=r"has the runtime nodejs22\.x"):
            invocation.invoke(shout.cloud, functions["NodeFunction"], b"{}")
