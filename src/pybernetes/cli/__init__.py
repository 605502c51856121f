"""The `pyber` command. `main.py` knows the subcommands; each has a module that is imported only when it is called."""
