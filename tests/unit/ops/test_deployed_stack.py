"""What a command says whose environment leads to no account."""

import pytest

from ops.deployed_stack import DeployedStack, StackError


@pytest.mark.parametrize(
    ("region", "reason"),
    [(None, "you must specify a region"), ("eu-west-1", "unable to locate credentials")],
)
def test_environment_without_an_account_is_named(
    region: str | None, reason: str, monkeypatch: pytest.MonkeyPatch
):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    if region:
        monkeypatch.setenv("AWS_REGION", region)
    with pytest.raises(StackError, match=rf"an AWS account.*\({reason}\).*set AWS_PROFILE"):
        DeployedStack("gallery")
