"""Posts on a schedule: when they are due, what they say, and that each goes out exactly once."""
