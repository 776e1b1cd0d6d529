"""Bluesky, by its atproto SDK."""
