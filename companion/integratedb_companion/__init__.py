"""The companion of the IntegrateDB extension: the daemon that carries row changes to whoever asked, and the command line."""

__version__: str


def __getattr__(name: str) -> str:
    """The version, looked up when somebody asks: that takes longer than showing the help of the command."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("integratedb")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"
