"""No path that a viewer sends leaves the origin of its behavior."""

import http.client
from urllib.parse import urlsplit

import pytest

from localcloud.cloud import Cloud

SECRET = b"an original that no viewer may read"


@pytest.mark.parametrize("start", ["", "/photos", "/api"])
@pytest.mark.parametrize("up", ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "%252e%252e%252f"])
def test_no_path_reads_another_bucket(
    cloud: Cloud, stack: dict[str, str], url: str, start: str, up: str
):
    bucket = stack["UploadsBucketName"]
    cloud.client("s3").put_object(Bucket=bucket, Key="secret", Body=SECRET)
    for path in (f"{start}/{up}{bucket}/secret", f"{start}/{up}{up}{bucket}%2fsecret"):
        site = urlsplit(url)
        connection = http.client.HTTPConnection(site.hostname or "", site.port)
        connection.request("GET", path)  # as it is: browsers and httpx would resolve it
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert SECRET not in body
        assert answer.status in (400, 403, 404), (path, answer.status, body)


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("path", ["/api/../_ministack/health", "/api/%2e%2e/_ministack/health"])
def test_no_path_reaches_the_emulators_own_api(url: str, path: str):
    site = urlsplit(url)
    connection = http.client.HTTPConnection(site.hostname or "", site.port)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert b"services" not in answer.read()
    assert answer.status in (403, 404)
    connection.close()
