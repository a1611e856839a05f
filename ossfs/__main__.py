"""`python -m ossfs` is the `ossfs` command."""

import runpy

runpy.run_module("ossfs.cli", run_name="__main__")
