"""The TOS dialect."""
