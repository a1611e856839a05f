"""Bytes that exist only here, and their way into the bucket. Deleting it loses data."""
