"""For programs and libraries that were written for prometheus_client.

Nothing here is imported with the package, except ``private``.
"""


def install_as_prometheus_client() -> None:
    """Makes every later ``import prometheus_client`` of this process import this package.

    This is for libraries that import it by that name. Call it before they are imported, because a
    module that has already imported prometheus_client keeps it. A second call does nothing.
    """
    from .alias import install

    install()
