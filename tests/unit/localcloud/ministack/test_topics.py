import json

from localcloud.ministack.topics import for_owner_only

STATEMENT = {
    "Effect": "Allow",
    "Principal": {"AWS": "*"},
    "Action": ["SNS:Publish"],
    "Resource": "arn:aws:sns:us-east-1:123456789012:alarms",
}


def test_default_policy_is_for_services_of_the_owner_only():
    policy = json.dumps({"Id": "__default_policy_ID", "Statement": [STATEMENT]})
    [statement] = json.loads(for_owner_only(policy, "123456789012"))["Statement"]
    condition = {"StringEquals": {"AWS:SourceOwner": "123456789012"}}
    assert statement == STATEMENT | {"Condition": condition}


def test_policy_of_the_template_stays_as_it_is():
    policy = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]})
    assert for_owner_only(policy, "123456789012") == policy
