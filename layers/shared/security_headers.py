"""Security headers of every response: of pages, of other files, and of the API.

The edge function has this module in its own package. It imports nothing, because each import would
prolong the edge function's cold start. template.yaml repeats two of the API's headers for answers
of API Gateway itself (Metadata, GatewayResponses).
"""

# No upgrade-insecure-requests: a laptop uses plain HTTP. No HSTS preload: it applies to a whole
# domain, and only its owner can decide that.
_EVERYWHERE = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-:")


def page_headers(connect: str = "") -> dict[str, str]:
    """Headers of HTML pages; `connect` lists further origins that a page may connect to.

    The origins are separated by blanks. Anything else there is left out: a `*` or a `;` would open
    the policy.
    """
    origins = " ".join(["'self'", *filter(_is_origin, connect.split())])
    return {
        **_EVERYWHERE,
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
            f" connect-src {origins}; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
            " require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
    }


def file_headers() -> dict[str, str]:
    """Headers of everything else: media, scripts, styles, and the API's JSON."""
    return {**_EVERYWHERE, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}


api_headers = file_headers


def _is_origin(text: str) -> bool:
    scheme, _, host = text.partition("://")
    return scheme in ("http", "https") and host != "" and _HOST_CHARACTERS.issuperset(host)
