"""The textfile collector of the node exporter: a registry as a file."""

import os

from .._native import CollectorRegistry, encode


def write_to_textfile(
    path: "str | os.PathLike[str]",
    registry: CollectorRegistry,
    escaping: str = "allow-utf-8",
    tmpdir: "str | os.PathLike[str] | None" = None,
) -> None:
    """Writes the metrics of ``registry`` to ``path``. A reader sees either the old file or the new
    one.

    ``path`` must end in ``.prom`` for the node exporter to read it. The text is first written to a
    file in the same directory, or in ``tmpdir``, which must be on the same file system. Raises
    OSError if the file cannot be written; ``path`` then does not change. ``escaping`` is the same
    as for generate_latest().
    """
    folder = os.path.dirname(os.path.abspath(path)) if tmpdir is None else os.fspath(tmpdir)
    text = encode(registry, escaping, "text")
    # The name does not match *.prom, because the node exporter reads every such file.
    temporary = os.path.join(folder, f"{os.path.basename(path)}.{os.urandom(8).hex()}.tmp")
    # The system applies the umask to a new file; a program cannot read the umask without changing
    # it.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
        try:
            file.write(text)
            file.flush()
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
