"""Where people read what was published."""


def address_of(platform: str, published: str) -> str:
    """The web address of a post by the id that its platform gave it."""
    if platform == "bluesky":
        account, _, key = published.removeprefix("at://").split("/")
        return f"https://bsky.app/profile/{account}/post/{key}"
    return f"https://x.com/i/status/{published}"
