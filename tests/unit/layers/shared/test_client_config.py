import pytest

from shared.client_config import client_config
from shared.settings import SettingsError


@pytest.mark.parametrize(
    ("environment", "timeouts"),
    [({}, (1, 3)), ({"TIMEOUT_FACTOR": "1"}, (1, 3)), ({"TIMEOUT_FACTOR": "2.5"}, (2.5, 7.5))],
)
def test_factor_multiplies_timeouts_and_not_attempts(
    environment: dict[str, str], timeouts: tuple[float, float]
):
    config = vars(client_config(1, 3, 2, environment))
    assert (config["connect_timeout"], config["read_timeout"]) == timeouts
    assert config["retries"] == {"mode": "standard", "total_max_attempts": 2}


@pytest.mark.parametrize("text", ["", "0", "0.5", "-1", "nan", "inf", "many"])
def test_factor_that_would_shorten_timeouts_is_refused(text: str):
    with pytest.raises(SettingsError, match=f"TIMEOUT_FACTOR={text}: expected"):
        client_config(1, 3, 2, {"TIMEOUT_FACTOR": text})
