"""Where people meet the bot. A front is thin: it listens, asks the imitator, and shows the answer."""
