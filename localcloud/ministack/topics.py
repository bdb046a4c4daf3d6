"""Closes the topics of templates as SNS does by default; runs inside ministack's process.

ministack gives a topic of a template a policy that lets everybody publish and subscribe, so a role
without permission can. A topic that CreateTopic makes has the condition that is missing there.
https://docs.aws.amazon.com/sns/latest/dg/sns-using-identity-based-policies.html
"""

import json

from localcloud.ministack.stack_resources import Properties, extend

_DEFAULT = "__default_policy_ID"


def install() -> None:
    """Complete the default policy of each topic that a template creates or updates."""
    from ministack.services import sns  # noqa: PLC0415 - not in the development environment

    def close(arn: str, _: Properties) -> None:
        attributes = sns._topics[arn]["attributes"]  # noqa: SLF001
        attributes["Policy"] = for_owner_only(attributes["Policy"], account=arn.split(":")[4])

    extend("AWS::SNS::Topic", close)


def for_owner_only(policy: str, account: str) -> str:
    """The default policy with SNS's condition; a policy of the template stays as it is."""
    document = json.loads(policy)
    if document.get("Id") == _DEFAULT:
        for statement in document["Statement"]:
            statement["Condition"] = {"StringEquals": {"AWS:SourceOwner": account}}
    return json.dumps(document)
