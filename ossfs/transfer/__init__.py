"""Many bytes as many requests: part plans, resumable uploads, workers."""
