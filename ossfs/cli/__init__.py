"""The `ossfs` command."""
