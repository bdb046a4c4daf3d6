"""The security policy of every answer: of pages, of the files beside them, and of the API.

The edge function takes this module into its own package, and pays at each cold start for what it
imports: nothing at all.
"""

# No upgrade-insecure-requests and no preload: a laptop speaks plain HTTP, and preload is a promise
# for a whole domain, which only its owner can make.
_EVERYWHERE = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-:")


def page_headers(connect: str = "") -> dict[str, str]:
    """For HTML; `connect` names the origins it may speak to beside its own, separated by blanks.

    What is no origin there is left out: a `*` or a `;` would open the policy.
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
    """For what is no page: media, scripts, styles, configuration, and the API's JSON."""
    return {**_EVERYWHERE, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}


api_headers = file_headers


def _is_origin(text: str) -> bool:
    scheme, _, host = text.partition("://")
    return scheme in ("http", "https") and host != "" and _HOST_CHARACTERS.issuperset(host)
