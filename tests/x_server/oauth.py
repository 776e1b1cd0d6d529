"""Who calls: OAuth 1.0a signatures, checked from the request as it came (RFC 5849), and the app's bearer token."""

import hashlib
import hmac
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

from .clock import Clock
from .errors import unauthorized
from .state import Account

# The names a client may have signed for: the request itself comes to loopback.
ORIGINS = ("https://api.twitter.com", "https://api.x.com")
MOST_SKEW = 300  # seconds between a signature's timestamp and X's clock


@dataclass(frozen=True)
class Credentials:
    """What an account's owner copies from the developer console; they open this server only."""

    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str
    bearer_token: str


@dataclass
class Door:
    """Checks the `Authorization` header of every call."""

    clock: Clock
    account: Account  # whose app and access token this is
    credentials: Credentials
    _nonces: set[tuple[str, str]] = field(default_factory=set)

    def enter(self, method: str, target: str, header: str) -> Account | None:
        """The account that signed, or None for the app alone. `target` is the raw path with query.

        Raises ApiError (401) for anything that doesn't hold: key, token, method, time, nonce or signature.
        """
        scheme, _, rest = header.partition(" ")
        if scheme == "Bearer" and hmac.compare_digest(rest, self.credentials.bearer_token):
            return None
        if scheme != "OAuth":
            raise unauthorized()
        self._check(method, target, _parameters(rest))
        return self.account

    def _check(self, method: str, target: str, given: dict[str, str]) -> None:
        keys = self.credentials
        stamp, nonce = given.get("oauth_timestamp", ""), given.get("oauth_nonce", "")
        valid = (
            given.get("oauth_consumer_key") == keys.consumer_key
            and given.get("oauth_token") == keys.access_token
            and given.get("oauth_signature_method") == "HMAC-SHA1"
            and given.get("oauth_version", "1.0") == "1.0"
            and stamp.isdigit()
            and abs(int(stamp) - self.clock.compared()) <= MOST_SKEW
            and nonce != ""
            and (stamp, nonce) not in self._nonces
            and any(
                self._signature(method, origin, target, given) == given["oauth_signature"] for origin in ORIGINS
            )
        )
        if not valid:
            raise unauthorized()
        self._nonces.add((stamp, nonce))

    def _signature(self, method: str, origin: str, target: str, given: dict[str, str]) -> str:
        path, _, query = target.partition("?")
        signed = [*parse_qsl(query, keep_blank_values=True)]
        signed += [(name, value) for name, value in given.items() if name not in ("oauth_signature", "realm")]
        pairs = sorted((_quoted(name), _quoted(value)) for name, value in signed)
        parameters = "&".join(f"{name}={value}" for name, value in pairs)
        base = "&".join((method.upper(), _quoted(origin + path), _quoted(parameters)))
        secret = f"{_quoted(self.credentials.consumer_secret)}&{_quoted(self.credentials.access_token_secret)}"
        return b64encode(hmac.digest(secret.encode(), base.encode(), hashlib.sha1)).decode()


def _parameters(header: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in header.split(","))
    given = {unquote(name): unquote(value.strip('"')) for name, _, value in pairs}
    given.setdefault("oauth_signature", "")
    return given


def _quoted(text: str) -> str:
    return quote(text, safe="~")
