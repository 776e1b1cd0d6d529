"""What the tracking process gets of the environment: what it needs, by name, and no secret but the key of Weights
& Biases where that is the tracker.
"""

import os

from data.settings import Settings

_NEEDED = (
    *("PATH", "HOME", "USER", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
    *("LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONWARNINGS", "PYTHONUTF8"),
)
# Who one is there, where it is, and the way there.
_NEEDED_BY_WANDB = (
    *("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_ENTITY", "WANDB_MODE", "WANDB_CONFIG_DIR", "NETRC"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)


def tracking_environment(settings: Settings, tracker: str) -> dict[str, str]:
    """The environment of a process that works for `tracker`."""
    names = _NEEDED + (_NEEDED_BY_WANDB if tracker == "wandb" else ())
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment |= {"HF_HUB_OFFLINE": "1", "WANDB_DIR": str(settings.tracked / "wandb")}
    if settings.dry_run or settings.offline:
        environment["WANDB_MODE"] = "offline"
    return environment
