"""
Every option of a mount: its name, meaning, default and bounds, said once.

The frozen dataclasses of `groups` are what the parts of ossfs are built from. Each field
carries an `Option` in its metadata, and from it come the flags of `ossfs mount`
(`--part-size 8M`), the words of `-o` (`part_size=8M`), the keys of the configuration
file (`part_size = "8M"` in the table `[writeback]`) and `docs/configuration.md`.

- `kinds`: how sizes, durations, modes … are written
- `store_groups`, `groups`: the options themselves, `MountConfig` on top
- `urls`: `oss://`, `tos://` and `s3://` URLs
- `sources`: flag, then `-o`, then file, then default: `resolve` merges them

Secrets are not options: they come from the environment or a file (`credentials_file`).

Threads: everything here is a value.
"""

from ossfs.config.groups import (
    CacheConfig,
    KernelConfig,
    LoggingConfig,
    MountConfig,
    PosixConfig,
    WritebackConfig,
)
from ossfs.config.sources import GROUPS, OPTIONS, Named, read_file, resolve, split_o, written
from ossfs.config.store_groups import CredentialsConfig, ObjectsConfig, StoreConfig
from ossfs.config.urls import BucketUrl, parse_url

__all__ = [
    "GROUPS",
    "OPTIONS",
    "BucketUrl",
    "CacheConfig",
    "CredentialsConfig",
    "KernelConfig",
    "LoggingConfig",
    "MountConfig",
    "Named",
    "ObjectsConfig",
    "PosixConfig",
    "StoreConfig",
    "WritebackConfig",
    "parse_url",
    "read_file",
    "resolve",
    "split_o",
    "written",
]
