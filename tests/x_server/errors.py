"""The refusals of X's API v2: problem details, each with its HTTP status, type and wording."""

from typing import Any

Payload = dict[str, Any]

PROBLEMS = "https://api.twitter.com/2/problems/"
BLANK = "about:blank"


class ApiError(Exception):
    """An answer other than success, with the problem that is its body."""

    def __init__(self, status: int, problem: Payload) -> None:
        super().__init__(problem["title"])
        self.status, self.problem = status, problem


def _plain(status: int, title: str, detail: str, kind: str = BLANK) -> ApiError:
    return ApiError(status, {"title": title, "detail": detail, "type": kind, "status": status})


def unauthorized() -> ApiError:
    return _plain(401, "Unauthorized", "Unauthorized")


def too_many_requests() -> ApiError:
    return _plain(429, "Too Many Requests", "Too Many Requests")


def unknown_route(path: str) -> ApiError:
    return _plain(404, "Not Found", f"No resource at {path}.")


def users_only() -> ApiError:
    """A bearer token of an app where a person must have signed in."""
    detail = (
        "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint.  "
        "Supported authentication types are [OAuth 1.0a User Context, OAuth 2.0 User Context]."
    )
    return _plain(403, "Unsupported Authentication", detail, f"{PROBLEMS}unsupported-authentication")


def suspended_login() -> ApiError:
    return _plain(403, "Forbidden", "The user used for authentication is suspended", f"{PROBLEMS}user-suspended")


def no_credits(account: int) -> ApiError:
    detail = f"Your enrolled account [{account}] does not have any credits to fulfill this request."
    return _plain(402, "CreditsDepleted", detail, f"{PROBLEMS}credits")


def invalid_request(message: str, **parameters: str) -> ApiError:
    """A parameter or body that X can't read; the message tells which."""
    error: Payload = {"message": message}
    if parameters:
        error["parameters"] = {name: [value] for name, value in parameters.items()}
    problem = {
        "errors": [error],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{PROBLEMS}invalid-request",
    }
    return ApiError(400, problem)


def text_too_long() -> ApiError:
    return invalid_request(
        "Your Tweet text is too long. For more information on how Twitter determines text length see "
        "https://github.com/twitter/twitter-text."
    )


def duplicate() -> ApiError:
    return _plain(403, "Forbidden", "You are not allowed to create a Tweet with duplicate content.")


def reply_to_nothing() -> ApiError:
    detail = "You attempted to reply to a Tweet that is deleted or not visible to you."
    return _plain(403, "Forbidden", detail)


def not_summoned() -> ApiError:
    """The rule of February 2026 for apps of the self-serve tiers."""
    detail = (
        "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged "
        "by the author of the post you are replying to."
    )
    return _plain(403, "Forbidden", detail)


def other_author() -> ApiError:
    return _plain(403, "Forbidden", "You are not authorized to delete this Tweet.")


# What stands in `errors` of an answer that is a success all the same.


def missing(resource: str, parameter: str, value: str) -> Payload:
    """A user or tweet that isn't there."""
    return {
        "value": value,
        "detail": f"Could not find {resource} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": resource,
        "parameter": parameter,
        "resource_id": value,
        "type": f"{PROBLEMS}resource-not-found",
    }


def suspended(parameter: str, value: str) -> Payload:
    """A suspended account; X gives it the type of a missing one."""
    detail = f"User has been suspended: [{value}]."
    return missing("user", parameter, value) | {"detail": detail, "title": "Forbidden"}


def hidden(resource: str, parameter: str, value: str, section: str = "data") -> Payload:
    """A protected account's timeline, or a post whose author is protected or suspended."""
    noun = "Tweet" if resource == "tweet" else "user"
    return missing(resource, parameter, value) | {
        "detail": f"Sorry, you are not authorized to see the {noun} with {parameter}: [{value}].",
        "title": "Authorization Error",
        "section": section,
        "type": f"{PROBLEMS}not-authorized-for-resource",
    }
