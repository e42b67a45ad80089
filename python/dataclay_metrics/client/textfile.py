"""The textfile collector of the node exporter: a registry as a file."""

import os
from tempfile import mkstemp

from .._native import CollectorRegistry, generate_latest


def write_to_textfile(
    path: "str | os.PathLike[str]",
    registry: CollectorRegistry,
    escaping: str = "allow-utf-8",
    tmpdir: "str | os.PathLike[str] | None" = None,
) -> None:
    """Writes the metrics of ``registry`` to ``path``. A reader sees the old file or the new one.

    ``path`` must end in ``.prom`` for the node exporter to read it. The text is first written to a
    file beside it, or in ``tmpdir``, which must be on the same file system. Raises OSError if it
    cannot be written, and then ``path`` is unchanged. ``escaping`` has no effect: no name needs it.
    """
    folder = os.path.dirname(os.path.abspath(path)) if tmpdir is None else os.fspath(tmpdir)
    text = generate_latest(registry)
    # Not *.prom: the node exporter reads every such file.
    descriptor, temporary = mkstemp(dir=folder, prefix=f"{os.path.basename(path)}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o666 & ~_umask())
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    """Returns the umask without changing it: other threads would see the change."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o022
