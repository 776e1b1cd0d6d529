"""`mynah` and `python -m bot`: run a command; whatever goes wrong ends in one sentence and an exit code."""

# ruff: noqa: E402

import gc
import sys

# Before all other imports, which make objects by the hundred thousand that stay: looking through them again and
# again for garbage took 0.1 seconds of CPU of the bot's start.
gc.set_threshold(50_000)

import structlog
from rich.markup import escape

from bot.cli import app
from bot.cli.present import err
from bot.faults import broken, new_reference
from data.errors import MynahError


def main() -> None:
    try:
        app(prog_name="mynah")
    except MynahError as error:
        err.print(f"[bold red]✗[/] {escape(str(error))}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `mynah say ... | head` is no fault
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:  # a full disk, a folder without rights: nothing that a report would mend
        structlog.get_logger().exception("system")
        err.print(f"[bold red]✗[/] The system refused ({escape(str(error))}); see to that, then try again.")
        sys.exit(1)
    except Exception:  # the one broad catch of the process: a fault of the program, not of its user
        reference = new_reference()
        structlog.get_logger().exception("fault", reference=reference)
        err.print(f"[bold red]✗[/] {broken(reference)}")
        sys.exit(70)
    finally:
        # All goes with the process: to look through it for garbage once more took 0.15 seconds of CPU a command.
        gc.freeze()


if __name__ == "__main__":
    main()
