"""The logger of a function."""

import logging

from aws_lambda_powertools import Logger


def make_logger() -> Logger:
    """A logger with the function's log level; libraries log warnings and errors only.

    Lambda's runtime client gives the root logger the function's level, and libraries inherit it.
    botocore at DEBUG logs the headers of each request, with the session token of the role.
    """
    logging.getLogger().setLevel(logging.WARNING)
    return Logger()
