"""How long the phases of an execution environment may take."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SETTING: Final = "TIMEOUT_FACTOR"


@dataclass(frozen=True)
class TimeLimits:
    """Limits in seconds. Every limit, the function's own included, is multiplied by `factor`.

    Use a larger factor on a slow or busy machine. Tests use one so that their outcome does not
    depend on the machine. Functions get the variable TIMEOUT_FACTOR too, for the timeouts of their
    clients.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """

    factor: float = 1
    init: float = 10
    provisioned_init: float = 130
    idle: float = 300

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "TimeLimits":
        """The limits with the factor of the environment variable TIMEOUT_FACTOR, by default 1.

        Raises:
            ValueError: it is not a number of at least 1.
        """
        text = environment.get(SETTING, "1")
        try:
            factor = float(text)
        except ValueError:
            factor = 0
        if not 1 <= factor < math.inf:
            raise ValueError(f"{SETTING}={text}: expected a number of at least 1, such as 2.")
        return cls(factor=factor)

    def of_init(self, *, provisioned: bool, timeout: float) -> float:
        """For the init phase; Lambda gives provisioned environments more time."""
        seconds = max(self.provisioned_init, timeout) if provisioned else self.init
        return seconds * self.factor

    def of_invocation(self, timeout: float) -> float:
        return timeout * self.factor

    @property
    def of_idle_environment(self) -> float:
        return self.idle * self.factor
