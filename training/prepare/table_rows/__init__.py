"""The readers of a user's table: each gives the header, and the rows as Python values."""
