"""Compresses the bodies of pushes."""


def compressed(data: bytes, compression: str) -> bytes:
    """Returns ``data`` in this Content-Encoding, ``gzip`` or ``snappy``.

    Raises ValueError for any other encoding, and RuntimeError if python-snappy is needed but
    missing.
    """
    if compression == "gzip":
        import gzip

        return gzip.compress(data)
    if compression != "snappy":
        raise ValueError(
            f"Unsupported compression type {compression!r}: must be 'gzip', 'snappy' or None"
        )
    try:
        import snappy  # type: ignore[import-not-found]
    except ImportError:
        raise RuntimeError("compression 'snappy': needs pip install python-snappy") from None
    framed: bytes = snappy.StreamCompressor().compress(data)
    return framed
