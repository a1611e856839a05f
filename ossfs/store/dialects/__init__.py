"""What differs between OSS, TOS and S3 on the wire, as values."""
