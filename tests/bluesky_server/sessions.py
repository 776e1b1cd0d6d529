"""Who is signed in: app passwords, access tokens that end, and refresh tokens that are good for one use."""

import base64
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.x_server.clock import Clock

from .errors import deactivated, taken_down, token_expired, token_revoked, unauthorized, wrong_password
from .world import Account, World

ACCESS_SECONDS = 7200.0
REFRESH_SECONDS = 90 * 86400.0


@dataclass
class _Token:
    account: Account
    scope: str
    ends: float


@dataclass
class Sessions:
    """Tokens that were given out."""

    world: World
    clock: Clock
    access_seconds: float = ACCESS_SECONDS
    tokens: dict[str, _Token] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def create(self, identifier: str, password: str) -> tuple[Account, str, str]:
        """The account, an access and a refresh token. Raises XrpcError (401)."""
        account = self.world.actor(identifier.lower())
        if account is None or password != account.app_password:
            raise wrong_password()
        if account.state == "takendown":
            raise taken_down(401)
        return account, *self._give(account)

    def refresh(self, authorization: str) -> tuple[Account, str, str]:
        """New tokens for a refresh token, which is used up by that. Raises XrpcError."""
        account = self._account(authorization, "refresh")
        if account.state == "takendown":
            raise taken_down(401)
        del self.tokens[authorization.removeprefix("Bearer ")]
        return account, *self._give(account)

    def enter(self, authorization: str) -> Account:
        """Whose access token that is. Raises XrpcError."""
        account = self._account(authorization, "access")
        if account.state == "takendown":
            raise taken_down(401)
        if account.state == "deactivated":
            raise deactivated(401)
        return account

    def end(self) -> None:
        """Every access token is over; refresh tokens stay good."""
        for token in self.tokens.values():
            if token.scope == "access":
                token.ends = 0.0

    def revoke(self) -> None:
        """Nobody is signed in any more."""
        self.tokens.clear()

    def _account(self, authorization: str, scope: str) -> Account:
        if not authorization.startswith("Bearer "):
            raise unauthorized()
        token = self.tokens.get(authorization.removeprefix("Bearer "))
        if token is None or token.scope != scope:
            raise token_revoked()
        if token.ends <= self.clock.now():
            raise token_expired()
        return token.account

    def _give(self, account: Account) -> tuple[str, str]:
        return self._token(account, "access", self.access_seconds), self._token(
            account, "refresh", REFRESH_SECONDS
        )

    def _token(self, account: Account, scope: str, seconds: float) -> str:
        """A JWT whose signature nobody checks but us, by having given it out."""
        ends = self.clock.now() + seconds
        claims = {"sub": account.did, "scope": scope, "exp": int(ends), "jti": str(next(self._numbers))}
        parts = ({"typ": "at+jwt", "alg": "HS256"}, claims, "unsigned")
        text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        self.tokens[text] = _Token(account, scope, ends)
        return text
