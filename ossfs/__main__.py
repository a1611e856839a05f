"""`python -m ossfs` is the `ossfs` command."""

from ossfs.cli.main import main

main()
