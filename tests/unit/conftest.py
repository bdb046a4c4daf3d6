import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    """A unit test that opens a socket is no unit test."""
    pytest_socket.disable_socket(allow_unix_socket=True)
