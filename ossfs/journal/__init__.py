"""What we have promised to finish, in SQLite."""
