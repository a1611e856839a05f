"""Requests turned into calls of the service, in the words of whatever dialect they came in."""
