"""What turns scores and neighbours into an answer."""
