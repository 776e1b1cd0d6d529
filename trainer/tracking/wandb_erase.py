"""Delete a run and its artifacts at Weights & Biases: `python -m trainer.tracking.wandb_erase PLACE`.

PLACE is a run's URL, or "project/run" of whoever the key belongs to. Where it can't be deleted it prints why.
"""

import os
import sys
import tempfile
from urllib.parse import unquote, urlsplit


def main() -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # wandb prints to the output, where only the answer belongs
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["WANDB_DIR"] = folder  # it makes folders for each run that it looks at
            erase_remote(sys.argv[1])
    except Exception as error:  # no key, no network, no right: whatever it is, only a person can mend it
        os.write(answers, " ".join(str(error).split())[:300].encode())
        sys.exit(1)


def erase_remote(place: str) -> None:
    """One that is gone already is fine. Raises what wandb raises, and ValueError where that can't be known."""
    import wandb
    from wandb.apis.public.runs import RunNotFoundError

    try:
        api = wandb.Api()
        if place.startswith("http"):
            server = wandb.util.app_url(api.settings["base_url"])
            if urlsplit(server).netloc != urlsplit(place).netloc:
                raise ValueError(f"wandb asks {server}; set WANDB_BASE_URL")
            entity, project, _, run = urlsplit(place).path.strip("/").split("/")
            place = "/".join(map(unquote, (entity, project, run)))
        try:
            api.run(place).delete(delete_artifacts=True)
        except wandb.errors.CommError as error:
            # What one may not see is not found either.
            ours = place.count("/") == 1 or place.split("/")[0] in (api.viewer.entity, *api.viewer.teams)
            if not (ours and isinstance(error.exc, RunNotFoundError)):
                raise
    finally:
        wandb.teardown()  # the process that this started


if __name__ == "__main__":
    main()
