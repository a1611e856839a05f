"""
ossfs: a bucket of an object store, mounted as a directory.

Where to go, top to bottom; a package imports only what stands below it:

- `ossfs.cli`: the commands; `ossfs.assembly` builds the parts, `ossfs.config` names the options
- `ossfs.fusefs`: translates FUSE requests into calls of the file system, and nothing else
- `ossfs.vfs`: the file system without FUSE: names, nodes, handles, reads, writes
- `ossfs.cache`: disposable copies; `ossfs.writeback`: bytes that exist only here
- `ossfs.transfer`: many bytes as many requests; `ossfs.journal`: what we promised to finish
- `ossfs.store`: one method is one request to the object store
- `ossfs.observe`: logs and metrics
- `ossfs.errors`, `ossfs.extents`, `ossfs.crc64`, `ossfs.clock`: values without I/O
- `ossfs.emulator`: an object server for demos and tests; shares no code with the client
"""

__version__ = "0.1.0"
