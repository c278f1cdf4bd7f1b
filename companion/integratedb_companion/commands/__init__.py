"""Contains the commands of `integratedb`, grouped by file; cli.py lists them and loads each when it is called."""
