"""The companion of the IntegrateDB extension: the daemon that delivers row changes, and the command line."""

__version__: str


def __getattr__(name: str) -> str:
    """Look up the version on demand, because the look-up takes longer than showing the help of a command."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("integratedb")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "0"
