"""The companion of the IntegrateDB extension: carries row changes from Postgres to whoever asked for them."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("integratedb-companion")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0"
