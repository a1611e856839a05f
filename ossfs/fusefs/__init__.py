"""Translation between FUSE and `ossfs.vfs`, and nothing else."""
