"""
Disposable copies: deleting any of it is always safe.

`blocks` keeps bytes of objects in memory and counts every one of them, `budget` says how
many that may be on this machine, `malloc` has their memory used again, and `readahead`
decides which bytes to ask for next. `disk` keeps what was read for the next mount. Bytes
that must survive live in `ossfs.writeback`.
"""
