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
    forbid_overwrite_copy=True,
    symlinks=True,
    part_crc64=True,
    object_crc64=True,
)
"""Alibaba Cloud OSS, an ordinary bucket."""

HEADER_MARKS = "!#$%&'*+-.^_`|~"
"""What names of headers have beside letters and digits (RFC 9110, section 5.6.2)."""

S3_LIMITS = Limits(
    max_put=5 << 30,
    min_part=5 << 20,
    max_part=5 << 30,
    max_parts=10_000,
    max_copy=5 << 30,
    max_key=1024,
    max_metadata=2 << 10,
    max_delete=1000,
    refused_first="",
    metadata_marks=HEADER_MARKS,
)
"""Amazon S3: "Multipart upload limits", "Naming objects", "Working with object metadata"."""

S3_CAPABILITIES = Capabilities(
    forbid_overwrite=True,
    conditional_put=True,
    conditional_complete=True,
)
"""Amazon S3 and those that follow its conditional writes; no CRC-64 of our kind."""

TOS_LIMITS = Limits(
    max_put=5 << 30,
    min_part=5 << 20,
    max_part=5 << 30,
    max_parts=10_000,
    max_copy=5 << 30,
    max_key=696,
    max_metadata=2 << 10,  # not documented in one place; S3's is the smallest of the three
    max_delete=1000,
    metadata_marks=HEADER_MARKS,
)
"""Volcengine TOS: the limits of its SDK, and of the pages of the single operations."""

TOS_CAPABILITIES = Capabilities(
    append=True,
    forbid_overwrite=True,
    forbid_overwrite_copy=True,
    conditional_put=True,
    symlinks=True,
    object_crc64=True,
)
"""Volcengine TOS, a flat bucket; parts' CRCs come with UploadPart, not with ListParts."""
