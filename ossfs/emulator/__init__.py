"""An object server for demos and tests. Shares no code with the client."""
