import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    """Fail a unit test that opens a socket."""
    pytest_socket.disable_socket(allow_unix_socket=True)
