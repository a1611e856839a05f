"""The file system without FUSE: names, nodes, handles, reads and writes."""
