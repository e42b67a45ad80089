"""TLS of the interpreter, for outgoing requests."""

import ssl


def context(
    cafile: str | None = None,
    certfile: str | None = None,
    keyfile: str | None = None,
    protocol: "ssl._SSLMethod | None" = None,
    insecure_skip_verify: bool = False,
) -> ssl.SSLContext:
    """Returns TLS settings that trust ``cafile``, or by default the authorities of the system.

    ``certfile`` and ``keyfile`` identify this process to servers. Raises OSError if a file cannot
    be read or does not exist.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if protocol is None else protocol)
    if cafile is None:
        made.load_default_certs()
    else:
        made.load_verify_locations(cafile)
    if insecure_skip_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if certfile is not None:
        made.load_cert_chain(certfile, keyfile)
    return made


class Session:
    """One TLS session. Rust sends and receives its bytes."""

    def __init__(self, settings: ssl.SSLContext, host: str) -> None:
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = settings.wrap_bio(self._received, self._to_send, server_hostname=host)

    def step(
        self, action: str, data: bytes, limit: int, received: bytes | None
    ) -> tuple[bytes | None, bytes]:
        """Tries ``action``, after the server has sent ``received``. Empty bytes mean the end.

        Returns the decrypted bytes, or None if it needs more bytes from the server. Also returns
        the bytes to send to the server.
        """
        if received:
            self._received.write(received)
        elif received is not None:
            self._received.write_eof()
        return self._done(action, data, limit), self._to_send.read()

    def _done(self, action: str, data: bytes, limit: int) -> bytes | None:
        try:
            if action == "read":
                return self._tls.read(limit)
            if action == "write":
                # The memory buffer accepts all bytes at once.
                self._tls.write(data)
            else:
                self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            pass
        return b""
