import zlib


def shortened(url: str) -> str:
    return f"{zlib.crc32(url.encode()):x}"
