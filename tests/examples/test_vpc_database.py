"""The functions of `vpc-database`, with a real PostgreSQL in place of RDS."""

import contextlib
import importlib.util
import json
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pg8000.native import Connection, DatabaseError

from localcloud.running_application import RunningApplication
from tests.e2e.conftest import free_port
from tests.examples.conftest import documented_answers, running
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow
EXAMPLE = ROOT / "examples" / "vpc-database"


def new_server(folder: Path, port: int) -> Any:
    specification = importlib.util.spec_from_file_location(
        "postgresql", EXAMPLE / "tests" / "postgresql.py"
    )
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.Server(folder, port)


class Library:
    """The deployed application, and its database server."""

    def __init__(self, application: RunningApplication, server: Any, port: int) -> None:
        self.application, self.server, self._port = application, server, port

    def url(self, path: str) -> str:
        return f"{self.application.stack.addresses()['Api']}/loans/{path}"

    def request(self, method: str, path: str) -> tuple[int, dict[str, str]]:
        """The status and the body that a signed request gets."""
        request = AWSRequest(method, self.url(path))
        SigV4Auth(Credentials("test", "test"), "execute-api", "us-east-1").add_auth(request)
        headers = dict(request.headers.items())
        answer = httpx.request(method, request.url, headers=headers, trust_env=False, timeout=30)
        return answer.status_code, answer.json() if answer.content else {}

    def migrate(self) -> dict[str, Any]:
        answer = self.application.cloud.client("lambda").invoke(
            FunctionName=self.application.outputs["SchemaFunction"], Payload=b"{}"
        )
        assert "FunctionError" not in answer
        created: dict[str, Any] = json.load(answer["Payload"])
        return created

    def rotate(self) -> None:
        """As README.md says: first the secret, then the user in the database."""
        secrets = self.application.cloud.client("secretsmanager")
        login = self.login("ApplicationSecret") | {"password": "another"}
        arn = self.application.outputs["ApplicationSecret"]
        secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(login))
        self.migrate()

    def login(self, logical_id: str) -> dict[str, str]:
        arn = self.application.stack.of_type("AWS::SecretsManager::Secret")[logical_id]
        found = self.application.cloud.client("secretsmanager").get_secret_value(SecretId=arn)
        login: dict[str, str] = json.loads(found["SecretString"])
        return login

    @contextlib.contextmanager
    def connection(self, logical_id: str) -> Iterator[Connection]:
        """A connection of the test, with the login of a secret."""
        login = self.login(logical_id)
        connection = Connection(
            login["username"],
            password=login["password"],
            host="127.0.0.1",
            port=self._port,
            database="loans",
            ssl_context=ssl.create_default_context(cafile=self.server.certificate),
        )
        try:
            yield connection
        finally:
            connection.close()

    def connections(self) -> list[Any]:
        """The server's processes for the application."""
        with self.connection("AdministratorSecret") as administrator:
            return administrator.run(
                "SELECT pid FROM pg_stat_activity WHERE usename = 'application'"
            )

    def log(self) -> list[dict[str, Any]]:
        """What the functions have written."""
        group = self.application.stack.of_type("AWS::Logs::LogGroup")["LogGroup"]
        logs = self.application.cloud.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [json.loads(each["message"]) for page in pages for each in page["events"]]

    def messages(self) -> list[str]:
        return [each["message"] for each in self.log() if "message" in each]


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with tempfile.TemporaryDirectory() as temporary:
        folder, port = Path(temporary), free_port()
        folder.chmod(0o755)  # the server's user must reach its folder
        server = new_server(folder / "postgresql", port)
        parameters = {
            "DatabaseAddress": "127.0.0.1",
            "DatabasePort": str(port),
            "CertificateFile": str(server.certificate),
        }
        with running("vpc-database", parameters) as application:
            library = Library(application, server, port)
            server.create(library.login("AdministratorSecret")["password"])
            try:
                library.migrate()
                yield library
            finally:
                server.stop()


def test_only_signed_requests_are_answered(library: Library):
    assert httpx.put(library.url("drill/eve"), trust_env=False).status_code == 403


def test_tool_is_lent_to_one_member_until_it_comes_back(library: Library):
    for _ in range(2):  # a repeated request has the effect of one
        assert library.request("PUT", "saw/ann") == (200, {"tool": "saw", "member": "ann"})
    assert library.request("PUT", "saw/bob") == (409, {"tool": "saw", "member": "ann"})
    assert library.request("DELETE", "saw/bob") == (204, {})
    assert library.request("GET", "saw") == (200, {"tool": "saw", "member": "ann"})
    assert library.request("DELETE", "saw/ann") == (204, {})
    assert library.request("GET", "saw") == (404, {"error": "Nobody has this tool."})


def test_invocations_share_a_connection(library: Library):
    library.request("GET", "saw")
    before = library.connections()
    for _ in range(3):
        library.request("GET", "saw")
    assert library.connections() == before
    assert len(before) == 1


def test_application_may_not_change_the_schema(library: Library):
    with library.connection("ApplicationSecret") as application:
        application.run("SELECT tool FROM loans")
        for statement in ("DROP TABLE loans", "TRUNCATE loans", "CREATE TABLE other ()"):
            with pytest.raises(DatabaseError, match="42501"):  # insufficient privilege
                application.run(statement)


def test_schema_can_be_brought_up_again(library: Library):
    library.request("PUT", "ladder/ann")
    assert library.migrate() == {"user": "application", "table": "loans"}
    assert library.request("GET", "ladder") == (200, {"tool": "ladder", "member": "ann"})


def test_lost_connection_is_made_again_within_the_request(library: Library):
    assert library.request("PUT", "drill/ann")[0] == 200
    library.server.stop()
    library.server.start()
    assert library.request("GET", "drill") == (200, {"tool": "drill", "member": "ann"})
    assert "Connection lost; connecting again" in library.messages()


def test_database_that_is_down_costs_a_503_and_no_stack_trace(library: Library):
    library.server.stop()
    try:
        unavailable = (503, {"error": "The database is unavailable."})
        assert library.request("PUT", "plane/ann") == unavailable
    finally:
        library.server.start()
    assert library.request("GET", "plane")[0] == 404
    assert library.request("PUT", "plane/ann")[0] == 200
    [logged] = [each for each in library.log() if each.get("level") == "ERROR"]
    assert logged["message"] == "The database is unavailable"
    assert not logged.keys() & {"stackTrace", "errorType"}


def test_rotated_password_is_read_when_the_old_one_is_refused(library: Library):
    assert library.request("GET", "saw")[0] == 404
    library.rotate()
    library.server.stop()  # so that the function needs a new connection
    library.server.start()
    assert library.request("GET", "saw")[0] == 404
    assert "Password refused; reading the secret again" in library.messages()


def test_sample_events_of_the_readme_create_the_schema_and_lend_a_tool(library: Library):
    schema, lend = documented_answers(library.application, "vpc-database")
    assert not schema.function_error
    assert json.loads(lend.payload)["statusCode"] == 200
