"""What a template reads and does not create: values of Parameter Store, exports of other stacks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from localcloud.cloud import Cloud

_STACK: Final = "exports-of-other-stacks"


@dataclass(frozen=True)
class OutsideValues:
    """Values that exist before the deployment, by name."""

    stored: Mapping[str, str] = field(default_factory=dict)
    """Values of Parameter Store."""
    exported: Mapping[str, str] = field(default_factory=dict)
    """Exports of other stacks, which Fn::ImportValue reads."""

    def create(self, cloud: Cloud) -> None:
        """Create them in a laptop cloud that has just started."""
        for name, value in self.stored.items():
            cloud.client("ssm").put_parameter(Name=name, Value=value, Type="String")
        if not self.exported:
            return
        outputs = {
            f"Value{number}": {"Value": value, "Export": {"Name": name}}
            for number, (name, value) in enumerate(self.exported.items())
        }
        resources = {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}
        body = json.dumps({"Resources": resources, "Outputs": outputs})
        client = cloud.client("cloudformation")
        client.create_stack(StackName=_STACK, TemplateBody=body)
        waiter = client.get_waiter("stack_create_complete")
        waiter.wait(StackName=_STACK, WaiterConfig={"Delay": 0.2, "MaxAttempts": 150})
