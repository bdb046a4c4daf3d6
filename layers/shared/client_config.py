"""Timeouts and attempts of calls to AWS."""

import math
import os
from collections.abc import Mapping
from typing import Final

from botocore.config import Config

from shared.settings import SettingsError

VARIABLE: Final = "TIMEOUT_FACTOR"


def client_config(
    connect: float, read: float, attempts: int, environment: Mapping[str, str] = os.environ
) -> Config:
    """A client's configuration; `connect` and `read` are timeouts in seconds of one attempt.

    A slow laptop multiplies them by TIMEOUT_FACTOR, and the functions' own timeouts as well. On AWS
    the variable is not set.

    Raises:
        SettingsError: TIMEOUT_FACTOR is not a number of at least 1.
    """
    text = environment.get(VARIABLE, "1")
    try:
        factor = float(text)
    except ValueError:
        factor = 0
    if not 1 <= factor < math.inf:
        raise SettingsError(f"{VARIABLE}={text}: expected a number of at least 1, such as 5")
    return Config(
        connect_timeout=connect * factor,
        read_timeout=read * factor,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
