"""The refusals of XRPC: a status, a name and a message, in the words of Bluesky's own servers."""


class XrpcError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": name, "message": message}


def invalid(message: str, name: str = "InvalidRequest") -> XrpcError:
    return XrpcError(400, name, message)


def unauthorized(message: str = "Authentication Required", name: str = "AuthMissing") -> XrpcError:
    return XrpcError(401, name, message)


def wrong_password() -> XrpcError:
    return unauthorized("Invalid identifier or password", "AuthenticationRequired")


def taken_down(status: int) -> XrpcError:
    return XrpcError(status, "AccountTakedown", "Account has been taken down")


def deactivated(status: int) -> XrpcError:
    return XrpcError(status, "AccountDeactivated", "Account is deactivated")


def token_expired() -> XrpcError:
    return invalid("Token has expired", "ExpiredToken")


def token_revoked() -> XrpcError:
    return invalid("Token has been revoked", "ExpiredToken")


def profile_not_found() -> XrpcError:
    return invalid("Profile not found")


def no_such_record(uri: str) -> XrpcError:
    return invalid(f"Could not locate record: {uri}", "RecordNotFound")


def swapped(cid: str | None) -> XrpcError:
    return invalid(f"Record was at {cid}", "InvalidSwap")


def internal() -> XrpcError:
    return XrpcError(500, "InternalServerError", "Internal Server Error")


def too_many_requests() -> XrpcError:
    return XrpcError(429, "RateLimitExceeded", "Rate Limit Exceeded")


def not_implemented(method: str) -> XrpcError:
    return XrpcError(501, "MethodNotImplemented", f"Method Not Implemented: {method}")
