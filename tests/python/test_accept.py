"""Connections that the system does not hand over: whatever it says, the next scrape is answered."""

import errno
import subprocess
from pathlib import Path

import interpreter
import pytest

# Linux seldom lets `accept` fail on demand: a connection that is reset before it is accepted is
# accepted all the same. So its own function is replaced for the process, by one that fails with each
# of the numbers in turn and then does what it always does.
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

OF_ONE_PEER = [
    errno.ECONNABORTED,
    errno.EINTR,
    errno.EPERM,
    errno.EPROTO,
    errno.ENETDOWN,
    errno.EHOSTUNREACH,
]
OF_THE_SYSTEM = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EIO]


@pytest.mark.parametrize(("fails", "told"), [(OF_ONE_PEER * 3, 0), (OF_THE_SYSTEM, 1)])
def test_no_error_of_accept_ends_the_endpoint(fails: list[int], told: int, tmp_path: Path) -> None:
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
    assert len(lines) == told and all("cannot accept a scrape" in line for line in lines), lines
