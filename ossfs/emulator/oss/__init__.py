"""The OSS dialect: addresses, signatures, XML, headers, over the server's operations."""
