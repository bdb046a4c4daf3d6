"""`python -m try_it`: signs in, creates a photo, gets it, and lists the user's own photos."""

import json
import secrets
import urllib.request
from typing import Any

import boto3

from tools.extract.try_it.stack import arguments, outputs


def main() -> None:
    names = outputs(arguments().stack)
    token = sign_in(names["UserPoolId"], names["UserPoolClientId"])
    url = names["ApiUrl"]
    new = {"title": "Harbour at dawn", "content_type": "image/png", "bytes": 1000}
    created = call("POST", f"{url}/photos", new, token)
    photo_id = created["photo"]["photo_id"]
    print(f"created {photo_id}")
    print(f"status {call('GET', f'{url}/photos/{photo_id}')['status']}")
    print(f"own photos: {len(call('GET', f'{url}/me/photos', None, token)['photos'])}")


def sign_in(pool: str, client: str) -> str:
    """The ID token of a new user."""
    cognito = boto3.client("cognito-idp")
    name, password = f"{secrets.token_hex(8)}@example.com", secrets.token_urlsafe(24)
    cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=name, Password=password, Permanent=True
    )
    answer = cognito.initiate_auth(
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": password},
    )
    return answer["AuthenticationResult"]["IdToken"]


def call(method: str, url: str, body: object = None, token: str = "") -> Any:
    """The JSON that the API answers with."""
    headers = {"Content-Type": "application/json", "Authorization": token}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


if __name__ == "__main__":
    main()
