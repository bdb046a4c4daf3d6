"""Event source mappings of a stack after ministack has created or updated them."""

from tests.support.ministack_process import answer_in_account

MAPPINGS = """
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners
from localcloud.ministack import stream_mappings

stream_mappings.install()
handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
settings = {
    "FunctionName": "counter",
    "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:views",
}

def state(uuid):
    return lambda_svc._esm_response(lambda_svc._esms[uuid])["State"]
"""


def test_mapping_has_the_state_that_its_template_says():
    program = """
        answer = []
        for enabled in ({}, {"Enabled": True}, {"Enabled": False}, {"Enabled": "false"}):
            properties = settings | enabled
            uuid, _ = handlers["create"]("Mapping", properties, "stack")
            answer.append(state(uuid))
            for later in (True, "false", "true", False):
                changed = settings | {"Enabled": later}
                handlers["update"](uuid, properties, changed, "stack")
                answer.append(state(uuid))
    """
    later = ["Enabled", "Disabled", "Enabled", "Disabled"]
    assert answer_in_account(MAPPINGS, program) == [
        *("Enabled", *later),
        *("Enabled", *later),
        *("Disabled", *later),
        *("Disabled", *later),
    ]
