"""PostgreSQL from Debian's packages, in a folder of its own, run by an ordinary user, with TLS.

As a program it serves a laptop cloud: see README.md.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import boto3

_CERTIFICATE: Final = (
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 "
    "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.crt"
)
_ACCESS: Final = "hostssl all all 127.0.0.1/32 scram-sha-256\n"
_SETTINGS: Final = """
ssl = on
ssl_cert_file = '{folder}/server.crt'
ssl_key_file = '{folder}/server.key'
unix_socket_directories = ''
port = {port}
"""


class Server:
    """A server on 127.0.0.1 with the database `loans`, owned by the user `administrator`."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self.certificate = folder / "server.crt"
        initdb = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None)
        found = initdb or shutil.which("initdb")
        if found is None:
            raise FileNotFoundError("PostgreSQL is missing: apt-get install postgresql")
        self._binaries = Path(found).parent

    def create(self, password: str) -> None:
        """Make the files of the server and start it; the folder must not exist."""
        self._folder.mkdir(parents=True)
        (self._folder / "password").write_text(password)
        if os.geteuid() == 0:
            shutil.chown(self._folder, "nobody")
        self._run("openssl", *_CERTIFICATE.split())
        user = ("--username=administrator", "--pwfile=password", "--auth=scram-sha-256")
        self._run(str(self._binaries / "initdb"), "--no-sync", "--pgdata=data", *user)
        data = self._folder / "data"
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS.format(folder=self._folder, port=self._port))
        (data / "pg_hba.conf").write_text(_ACCESS)
        self.start()
        login = ("--host=127.0.0.1", f"--port={self._port}", "--username=administrator")
        createdb = str(self._binaries / "createdb")
        self._run(createdb, *login, "loans", PGPASSWORD=password)

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        self._run(str(self._binaries / "pg_ctl"), "start", "--pgdata=data", "--log=log", "--wait")

    def stop(self) -> None:
        """End all connections and the server."""
        self._run(str(self._binaries / "pg_ctl"), "stop", "--pgdata=data", "--mode=fast")

    def _run(self, *command: str, **variables: str) -> None:
        """Run a command in the folder, and not as root: initdb refuses that."""
        ordinary = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
        prefix = ordinary if os.geteuid() == 0 else ()
        done = subprocess.run(
            [*prefix, *command],
            cwd=self._folder,
            env=os.environ | {"HOME": str(self._folder)} | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stderr}")


def main(folder: str, port: str, url: str = "http://127.0.0.1:4566") -> None:
    """Serve until Enter is pressed, with the password that the laptop cloud has generated."""
    secrets = boto3.client(
        "secretsmanager",
        "us-east-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    names = [each["Name"] for each in secrets.list_secrets()["SecretList"]]
    [name] = [each for each in names if "AdministratorSecret" in each]
    secret = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    server = Server(Path(folder), int(port))
    server.create(secret["password"])
    try:
        input(f"PostgreSQL listens on 127.0.0.1:{port}. Press Enter to end it. ")
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
