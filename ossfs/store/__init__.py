"""
The object store: one method is one request.

`api` is the contract; `bucket` keeps it over HTTP, `memory` without; `retrying` and
`metered` wrap any of them. `dialects` hold what differs between OSS, TOS and S3.
"""
