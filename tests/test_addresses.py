"""Where people read what was published."""

import pytest

from bot.platforms.addresses import address_of


@pytest.mark.parametrize(
    ("platform", "published", "address"),
    [
        ("x", "1990000000000000001", "https://x.com/i/status/1990000000000000001"),
        (
            "bluesky",
            "at://did:plc:abc/app.bsky.feed.post/3kxyz",
            "https://bsky.app/profile/did:plc:abc/post/3kxyz",
        ),
    ],
)
def test_addresses_lead_to_the_post(platform: str, published: str, address: str) -> None:
    assert address_of(platform, published) == address
