"""Logs and metrics; imports nothing of ossfs but values."""
