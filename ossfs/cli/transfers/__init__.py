"""
`ossfs cp` and its like: objects and files, without a mount.

- `ends`: what a word of the command line names, and the buckets that are open
- `selecting`, `finding`: which files and objects are meant
- `tasks`: one file to be moved; `running`: many of them side by side, until Ctrl-C
- `runlog`: what a run that was interrupted had finished
- `showing`: bars on a terminal, lines elsewhere
- `flags`: options that several commands share
- `cp`, `sync`, `ls`, `rm`, `stat`, `cat`: the commands
"""
