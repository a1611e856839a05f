"""`python -m ossfs.cli` is the `ossfs` command, too."""

from ossfs.cli.main import main

main()
