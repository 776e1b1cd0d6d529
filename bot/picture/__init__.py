"""A picture for sharing what a voice said, in the size of a social card, plainly labelled as a machine's words."""

from bot.picture.shapes import read_portrait
from bot.picture.share import HEIGHT, WIDTH, alt_text, share_picture, split_at_opening

__all__ = ["HEIGHT", "WIDTH", "alt_text", "read_portrait", "share_picture", "split_at_opening"]
