"""Discord as a front: slash commands, mentions, run cards. Thin: what is said and who may is decided elsewhere."""
