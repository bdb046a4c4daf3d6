"""Denies an action to a role of a running application for a time."""

import contextlib
import json
from collections.abc import Iterator

from localcloud.running_application import RunningApplication


@contextlib.contextmanager
def denied(application: RunningApplication, role: str, action: str) -> Iterator[None]:
    """Deny an action to a role of the template, and allow it again at the end."""
    iam, name = application.cloud.client("iam"), application.stack.of_type("AWS::IAM::Role")[role]
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="Denied", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="Denied")
