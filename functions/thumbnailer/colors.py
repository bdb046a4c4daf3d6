"""Colours: conversion to sRGB by the photo's ICC profile, and the dominant colour of a photo."""

import io
from typing import Final

from PIL import Image, ImageCms

_SRGB: Final = ImageCms.createProfile("sRGB")
_MODES: Final = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # by the colour space of a profile


def to_srgb(image: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """The image as RGB, or RGBA if it has alpha; an unusable profile is ignored."""
    if image.mode == "RGBa":
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    rgb = _convert(image, icc_profile) if icc_profile else None
    if rgb is None:
        return image if image.mode in {"RGB", "RGBA"} else image.convert("RGB")
    if alpha:
        rgb.putalpha(alpha)
    return rgb


def _convert(image: Image.Image, icc_profile: bytes) -> Image.Image | None:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        if (profile.profile.profile_description or "").startswith("sRGB"):
            return None
        mode = _MODES.get(profile.profile.xcolor_space.strip())
        if mode is None or (mode == "CMYK") != (image.mode == "CMYK"):
            return None
        return ImageCms.profileToProfile(
            image.convert(mode),
            profile,
            _SRGB,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None


def dominant_color(image: Image.Image) -> str:
    """The most frequent colour, as `#rrggbb`, after a reduction of the image to eight colours."""
    # Blocks of 4 x 4 pixels are averaged before the reduction to eight colours. This changes the
    # answer a little, and makes that reduction about 20 times as fast.
    image = image.reduce(4)
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    reduced = image.convert("RGB").quantize(8)
    counts = reduced.histogram(alpha)
    index = counts.index(max(counts))
    palette = reduced.getpalette() or [255, 255, 255]
    return "#" + bytes(palette[3 * index : 3 * index + 3]).hex()
