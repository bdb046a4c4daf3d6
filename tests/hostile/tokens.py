"""Tokens that must not be accepted, made from one that is."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_OWN_KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token."""
    header, claims, _ = token.split(".")
    return json.loads(_from_base64(header)), json.loads(_from_base64(claims))


def unsigned(token: str, algorithm: str) -> str:
    """The same claims, with an algorithm that needs no signature."""
    header, claims = decoded(token)
    return f"{_part({**header, 'alg': algorithm})}.{_part(claims)}."


def with_claims(token: str, **changes: object) -> str:
    """Other claims under the signature of the token."""
    header, claims, signature = token.split(".")
    changed = {**json.loads(_from_base64(claims)), **changes}
    return f"{header}.{_part(changed)}.{signature}"


def signed_by_us(token: str, header: Mapping[str, Any] | None = None, **changes: object) -> str:
    """The same claims with a correct signature by a key of our own."""
    own, claims = decoded(token)
    signed = f"{_part({**own, **(header or {})})}.{_part({**claims, **changes})}"
    signature = _OWN_KEY.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_to_base64(signature)}"


def signed_by_secret(token: str, secret: bytes) -> str:
    """The same claims as HS256; the public key as the secret fools a library that trusts `alg`."""
    header, claims = decoded(token)
    signed = f"{_part({**header, 'alg': 'HS256'})}.{_part(claims)}"
    return f"{signed}.{_to_base64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def own_public_key() -> dict[str, str]:
    """Our key as a JSON Web Key."""
    numbers = _OWN_KEY.public_key().public_numbers()
    return {
        "kty": "RSA",
        "kid": "own",
        "alg": "RS256",
        "use": "sig",
        "n": _to_base64(numbers.n.to_bytes(256)),
        "e": _to_base64(numbers.e.to_bytes(3)),
    }


def pem_of(key: Mapping[str, str]) -> bytes:
    """A JSON Web Key of RSA as PEM."""
    n, e = (int.from_bytes(_from_base64(key[name])) for name in ("n", "e"))
    return (
        rsa.RSAPublicNumbers(e, n)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _part(value: Mapping[str, Any]) -> str:
    return _to_base64(json.dumps(value, separators=(",", ":")).encode())


def _to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _from_base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
