"""X and Bluesky as places where people meet the bot: mentions come in, answers go out as drafts do."""
