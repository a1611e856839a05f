"""The OSS dialect."""
