"""Tests that scrapes succeed after `accept` has failed with any error of the system."""

import errno
import subprocess
from pathlib import Path

import interpreter
import pytest

# Linux accepts even a connection that the peer has reset, so a test cannot make `accept` fail. A
# preloaded library replaces the function. It fails once with each given error, then works.
ACCEPT = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    static char *next;
    if (next == NULL)
        next = getenv("ACCEPT_FAILS");
    long number = strtol(next, &next, 10);
    if (number != 0) {
        errno = (int)number;
        return -1;
    }
    int (*accept4)(int, struct sockaddr *, socklen_t *, int) =
        (int (*)(int, struct sockaddr *, socklen_t *, int))dlsym(RTLD_NEXT, "accept4");
    return accept4(fd, address, length, flags);
}
"""

SERVED = """
import socket
import dataclay_metrics as metrics
server = metrics.start_http_server(0, addr="127.0.0.1")
for _ in range(3):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as scrape:
        scrape.sendall(b"GET /metrics HTTP/1.1\\r\\n\\r\\n")
        assert "dataclay_inmemory_hits_total 0" in scrape.makefile().read()
"""

PEER_ERRORS = [
    errno.ECONNABORTED,
    errno.EINTR,
    errno.EPERM,
    errno.EPROTO,
    errno.ENETDOWN,
    errno.EHOSTUNREACH,
]
SYSTEM_ERRORS = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EIO]


@pytest.mark.parametrize(("fails", "warnings"), [(PEER_ERRORS * 3, 0), (SYSTEM_ERRORS, 1)])
def test_a_scrape_succeeds_after_each_error_of_accept(
    fails: list[int], warnings: int, tmp_path: Path
) -> None:
    library = tmp_path / "accept.so"
    source = tmp_path / "accept.c"
    source.write_text(ACCEPT)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    ended = interpreter.run(
        "-c",
        SERVED,
        LD_PRELOAD=str(library),
        ACCEPT_FAILS=" ".join(map(str, fails)),
    )
    assert ended.status == 0, ended.stderr
    lines = ended.stderr.splitlines()
    assert len(lines) == warnings and all("cannot accept a scrape" in line for line in lines), lines
