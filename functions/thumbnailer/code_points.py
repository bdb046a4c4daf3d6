"""Colour spaces that AVIF, HEIC and PNG name by code points (ITU-T H.273), without a profile.

Each becomes an ICC profile, so that LittleCMS converts it as it does every other. High dynamic
range (PQ and HLG, ITU-R BT.2100) is mapped to that of a screen by the curve of ITU-R BT.2390.
In PQ, the light of a channel depends only on its own code. In HLG it depends on the other two
channels too, so the profile of HLG has a table of colours instead of a curve.
"""

import itertools
import math
import struct
from collections.abc import Callable
from typing import Final

_SRGB: Final = 13
_PQ, _HLG = 16, 18
# XYZ of red, green and blue, adapted to the white of ICC profiles (D50, Bradford).
_BT_709: Final = (0.43607, 0.22249, 0.01392, 0.38515, 0.71687, 0.09708, 0.14307, 0.06061, 0.7141)
_COLORANTS: Final = {
    1: _BT_709,
    9: (0.67346, 0.27904, -0.00193, 0.16567, 0.67534, 0.02998, 0.12504, 0.04561, 0.79686),
    12: (0.51512, 0.2412, -0.00105, 0.29198, 0.69225, 0.04189, 0.1571, 0.06657, 0.78407),
}
KNOWN_PRIMARIES: Final = _COLORANTS.keys()
_WHITE: Final = (0.9642, 1.0, 0.8249)
_SAMPLES: Final = 1024
_GRID: Final = 17  # points of the colour table along each channel
_PEAK_NITS: Final = 1000.0  # of the screen for which HDR is made
_PQ_NITS, _PQ_M1, _PQ_M2 = 10_000.0, 0.1593017578125, 78.84375  # ITU-R BT.2100, table 4
_PQ_C1, _PQ_C2, _PQ_C3 = 0.8359375, 18.8515625, 18.6875
_HLG_GAMMA: Final = 1.2
_WHITE_NITS: Final = 203.0  # reference white of HDR (ITU-R BT.2408); the white of our renditions


type _Color = tuple[float, float, float]


def profile_of(primaries: int | None, transfer: int | None) -> bytes | None:
    """An ICC profile of the colour space; None for sRGB.

    Unknown primaries count as those of BT.709, and unknown transfers as that of sRGB.
    """
    colorants = _COLORANTS.get(primaries or 1, _BT_709)
    if transfer == _HLG:
        return _hlg_profile(colorants)
    curve = _CURVES.get(transfer or _SRGB, _srgb_to_linear)
    if colorants is _BT_709 and curve is _srgb_to_linear:
        return None
    samples = [curve(n / (_SAMPLES - 1)) for n in range(_SAMPLES)]
    values = [round(65535 * min(1.0, max(0.0, sample))) for sample in samples]
    tags = {
        b"rXYZ": _xyz(colorants[:3]),
        b"gXYZ": _xyz(colorants[3:6]),
        b"bXYZ": _xyz(colorants[6:]),
        b"rTRC": b"curv\0\0\0\0" + struct.pack(f">I{_SAMPLES}H", _SAMPLES, *values),
    }
    return _icc_profile(b"XYZ ", tags, same={b"gTRC": b"rTRC", b"bTRC": b"rTRC"})


def _hlg_profile(colorants: tuple[float, ...]) -> bytes:
    """A profile with the Lab colour of each point of a grid of codes (ICC.1:2001-04, lut16Type)."""
    scene = [_hlg_to_scene(n / (_GRID - 1)) for n in range(_GRID)]
    table = b"".join(
        _lab16(_hlg_color((red, green, blue), colorants))
        for red, green, blue in itertools.product(scene, repeat=3)
    )
    identity = struct.pack(">9i", *(65536 if n % 4 == 0 else 0 for n in range(9)))
    linear = struct.pack(">2H", 0, 65535) * 3
    sizes = struct.pack(">4B", 3, 3, _GRID, 0), struct.pack(">2H", 2, 2)
    lut = b"".join((b"mft2\0\0\0\0", sizes[0], identity, sizes[1], linear, table, linear))
    return _icc_profile(b"Lab ", {b"A2B0": lut}, same={})


def _hlg_color(scene: _Color, colorants: tuple[float, ...]) -> _Color:
    """XYZ on a screen: brightness follows the luminance of the scene (BT.2100, table 5)."""
    luminance = sum(light * y for light, y in zip(scene, colorants[1::3], strict=True))
    nits = _PEAK_NITS * max(luminance, 0) ** (_HLG_GAMMA - 1)
    light = [min(1.0, _on_screen(nits * channel)) for channel in scene]
    x, y, z = (
        sum(channel * column for channel, column in zip(light, colorants[axis::3], strict=True))
        for axis in range(3)
    )
    return x, y, z


def _lab16(xyz: _Color) -> bytes:
    x, y, z = (_cube_root(value / white) for value, white in zip(xyz, _WHITE, strict=True))
    lab = (116 * y - 16) * 652.8, (500 * (x - y) + 128) * 256, (200 * (y - z) + 128) * 256
    return struct.pack(">3H", *(round(min(65535.0, max(0.0, value))) for value in lab))


def _cube_root(value: float) -> float:
    """The function f of CIE 1976 L*a*b*."""
    return math.cbrt(value) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29


def _srgb_to_linear(code: float) -> float:
    return code / 12.92 if code <= 0.04045 else ((code + 0.055) / 1.055) ** 2.4


def _pq_to_nits(code: float) -> float:
    power = code ** (1 / _PQ_M2)
    ratio = max(power - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * power)
    return float(_PQ_NITS * ratio ** (1 / _PQ_M1))


def _nits_to_pq(nits: float) -> float:
    power = (nits / _PQ_NITS) ** _PQ_M1
    return float(((_PQ_C1 + _PQ_C2 * power) / (1 + _PQ_C3 * power)) ** _PQ_M2)


def _hlg_to_scene(code: float) -> float:
    a, b, c = 0.17883277, 0.28466892, 0.55991073  # ITU-R BT.2100, table 5
    return code**2 / 3 if code <= 0.5 else (math.exp((code - c) / a) + b) / 12


def _pq_to_screen(code: float) -> float:
    return _on_screen(_pq_to_nits(code))


def _on_screen(nits: float) -> float:
    """Light on a screen whose white is `_WHITE_NITS`: dark stays as it is, bright is compressed."""
    peak = _nits_to_pq(_PEAK_NITS)
    top = _nits_to_pq(_WHITE_NITS) / peak
    knee = 1.5 * top - 0.5
    level = min(1.0, _nits_to_pq(nits) / peak)
    if level > knee:
        t = (level - knee) / (1 - knee)
        level = (
            (2 * t**3 - 3 * t**2 + 1) * knee
            + (t**3 - 2 * t**2 + t) * (1 - knee)
            + (-2 * t**3 + 3 * t**2) * top
        )
    return _pq_to_nits(level * peak) / _WHITE_NITS


# All other curves without high dynamic range (BT.709, BT.601, sRGB) are treated like sRGB.
_CURVES: Final[dict[int, Callable[[float], float]]] = {
    4: lambda code: float(code**2.2),
    8: lambda code: code,
    _PQ: _pq_to_screen,
}


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _icc_profile(space: bytes, own: dict[bytes, bytes], same: dict[bytes, bytes]) -> bytes:
    """A display profile (ICC.1:2001-04); tags of `same` have the content of another."""
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 1) + bytes(80),
        b"wtpt": _xyz(_WHITE),
        **own,
    }
    start = 128 + 4 + 12 * (len(tags) + len(same))
    places: dict[bytes, tuple[int, int]] = {}
    body = b""
    for name, content in tags.items():
        places[name] = start + len(body), len(content)
        body += content + bytes(-len(content) % 4)
    places |= {name: places[other] for name, other in same.items()}
    table = struct.pack(">I", len(places)) + b"".join(
        struct.pack(">4sII", name, *place) for name, place in places.items()
    )
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x3i",
        start + len(body),
        0x02400000,
        b"mntr",
        b"RGB ",
        space,
        b"acsp",
        *(round(value * 65536) for value in _WHITE),
    )
    return header.ljust(128, b"\0") + table + body
