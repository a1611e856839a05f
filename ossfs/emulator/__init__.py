"""
An object server for demos and tests. Shares no code with the client.

Where to go, from the socket inwards:

- `app`: one request from the socket to the answer; `body`, `sending`: its bytes in and out
- `control`: the admin endpoint with `faults` and `stats`
- `dialects`: which of OSS, TOS and S3 a request speaks; `oss/`, `tos/`, `s3/`: what each
  has of its own: words, operations, signatures, error codes, requests
- `calls/`: the requests they share, told apart by `words`; `addresses`, `dispatch` with
  `operations`, `v4` (signatures), `tree` (XML and JSON), `errors`, `times`, `checksums`,
  `callbacks`
- `service`: the operations put together: `buckets`, `objects`, `multipart`, `listing`,
  with `conditions`, `ranges` and `receiving`; they know no HTTP and raise `refusals`
- `storage`, `files`: rows in SQLite, bytes in files named by number
- `process`: the server in a process of its own, for tests; `__main__`: that process
- `settings`: everything that can be set

What is stored is nobody's dialect: metadata without a prefix, one ETag, one CRC-64.
"""
