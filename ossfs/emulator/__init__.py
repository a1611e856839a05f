"""
An object server for demos and tests. Shares no code with the client.

Where to go, from the socket inwards:

- `app`: one request from the socket to the answer; `body`, `sending`: its bytes in and out
- `control`: the admin endpoint with `faults` and `stats`
- `oss/`: the OSS dialect: addresses, signatures, which operation, headers, XML, errors
- `service`: the operations put together: `buckets`, `objects`, `multipart`, `listing`,
  with `conditions`, `ranges` and `receiving`; they know no HTTP and raise `refusals`
- `storage`, `files`: rows in SQLite, bytes in files named by number
- `process`: the server in a process of its own, for tests; `__main__`: that process
- `settings`: everything that can be set

Another dialect is another folder beside `oss/` that calls the same service.
"""
