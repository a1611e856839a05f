"""
What each kind of store accepts and can do, from its documentation.

The dialects and the in-memory store start from these values; a test that wants to see a
limit reached hands in a smaller one.
"""

from ossfs.store.api import Capabilities, Limits

OSS_LIMITS = Limits(
    max_put=5 << 30,
    min_part=100 << 10,
    max_part=5 << 30,
    max_parts=10_000,
    max_copy=1 << 30,  # documented for every pair of storage classes; some pairs take more
    max_key=1023,
    max_metadata=8 << 10,
    max_delete=1000,
)
"""Alibaba Cloud OSS: "Limits", and the pages of the single operations."""

OSS_CAPABILITIES = Capabilities(
    append=True,
    rename=False,  # only in buckets with a hierarchical namespace
    forbid_overwrite=True,
    conditional_put=False,
    symlinks=True,
    part_crc64=True,
    object_crc64=True,
)
"""Alibaba Cloud OSS, an ordinary bucket."""
