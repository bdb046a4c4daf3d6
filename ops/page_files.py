"""The published files of the page, made from the files in web/.

Each HTML file gets one script of all modules that it needs, one style, and the configuration of the
stack. All other files are in a folder that is named by a hash of them and of the configuration.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ops.script_bundle import BundleError, bundle

ASSETS: Final = "assets/"  # functions/edge_headers/caching.py lets browsers keep what is below it
# Also in the root, for functions/edge_headers/missing_page.py, which does not know the hash.
UNHASHED: Final = ("favicon.svg", "page.css", "photo.css")
_STYLE: Final = re.compile(r'\n *<link rel="stylesheet" href="/([^"/]+)">')
_SCRIPT: Final = re.compile(r'<script type="module" src="/([^"/]+)"></script>')
_CONFIGURATION: Final = '<script type="application/json" id="configuration">{}</script>'
_REFERENCE: Final = re.compile(r'((?:href|src)=")/([^"/]+\.[^"/]+)"')


def page_files(web: Mapping[str, bytes], configuration: Mapping[str, str]) -> dict[str, bytes]:
    """The published files by key, HTML last; `web` are the files of web/ by name.

    Raises:
        BundleError: a file cannot be published; the message names it.
    """
    bundled = (".css", ".html", ".js")
    assets = {name: body for name, body in web.items() if Path(name).suffix not in bundled}
    pages = {name: _bundled(name, web, assets) for name in web if name.endswith(".html")}
    digest = _digest({**assets, "configuration": json.dumps(configuration).encode()})
    folder = f"{ASSETS}{digest}/"
    # A value that contains `</script>` must not close the element.
    values = json.dumps(configuration).replace("<", r"\u003c")
    configured = _CONFIGURATION.replace("{}", values)

    def placed(found: re.Match[str]) -> str:
        return f'{found[1]}/{folder}{found[2]}"' if found[2] in assets else found[0]

    return {
        **{f"{folder}{name}": body for name, body in assets.items()},
        **{name: web[name] for name in UNHASHED if name in web},
        **{
            name: _REFERENCE.sub(placed, text).replace(_CONFIGURATION, configured).encode()
            for name, text in pages.items()
        },
    }


def _bundled(page: str, web: Mapping[str, bytes], assets: dict[str, bytes]) -> str:
    """The page with one style and one script, which are added to `assets`."""
    text = web[page].decode()
    for _, name in _REFERENCE.findall(text):
        if name not in web:
            raise BundleError(f"web/{page} names {name}, which web/ does not have.")
    if styles := _STYLE.findall(text):
        name = f"{Path(page).stem}.css"
        assets[name] = b"\n".join(_style(style, web) for style in styles)
        links = iter([f'\n    <link rel="stylesheet" href="/{name}">'])
        text = _STYLE.sub(lambda _: next(links, ""), text)
    scripts = _SCRIPT.findall(text)
    if len(scripts) > 1:
        raise BundleError(f"web/{page} names {len(scripts)} scripts: import the others in one.")
    for name in scripts:
        if _CONFIGURATION not in text:
            raise BundleError(f"web/{page} has a script, so it also needs {_CONFIGURATION}")
        modules = {key: body.decode() for key, body in web.items() if key.endswith(".js")}
        script = bundle(name, modules)
        assets[name] = script.code.encode()
        assets[f"{name}.map"] = script.source_map.encode()
    for _, name in _REFERENCE.findall(text):
        if name not in assets and not name.endswith(".html"):
            raise BundleError(
                f"web/{page} names {name} in an element that cannot be bundled: write it as _STYLE"
                " or _SCRIPT in ops/page_files.py."
            )
    return text


def _style(name: str, web: Mapping[str, bytes]) -> bytes:
    for rule in (b"@charset", b"@import"):
        if rule in web[name]:
            raise BundleError(
                f"web/{name} has {rule.decode()}, which must be first in a file: remove it, because"
                " a page's styles are joined."
            )
    return web[name]


def _digest(contents: Mapping[str, bytes]) -> str:
    lines = [f"{name} {hashlib.sha256(contents[name]).hexdigest()}" for name in sorted(contents)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:10]
