"""The commands of `integratedb`, a file a group of them; cli.py lists them and loads each when it is called."""
