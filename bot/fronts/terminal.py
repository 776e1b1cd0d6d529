"""The terminal as a front: a person types, the voice answers, labelled as AI."""

import asyncio
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape

from bot.imitator import Imitator, Occasion
from data.errors import NothingToSayError
from trainer.voice import Voice

TERMINAL = Occasion("terminal")

GREETING = (
    "You are talking to an AI that imitates [bold]{who}[/], not to the person.\n"
    "/again asks for another answer, /quit, Ctrl-D or Ctrl-C leaves."
)


class TerminalFront:
    """One conversation in one terminal."""

    def __init__(self, console: Console, imitator: Imitator, voice: Voice) -> None:
        self._console = console
        self._imitator = imitator
        self._voice = voice
        self._label = f"[bold cyan]{escape(voice.record.name)}[/] [dim](AI)[/]"

    async def greet(self) -> None:
        self._console.print(
            GREETING.format(who=" and ".join(f"@{handle}" for handle in self._voice.record.handles))
        )

    async def chat(self) -> None:
        """Answer until the person leaves."""
        await self.greet()
        mention = ""
        while True:
            try:
                line = await self._read_line()
            except EOFError:
                return
            if line in ("/quit", "/exit"):
                return
            if line == "/again" and not mention:
                self._console.print("Say something first.")
                continue
            mention = mention if line == "/again" else line
            if mention:
                await self._answer(mention)

    async def _read_line(self) -> str:
        """What the person typed. Raises EOFError at Ctrl-D.

        The loop itself watches the terminal: nothing can wake a thread that waits in `input`, so that Ctrl-C would
        do nothing before the next Enter.
        """
        self._console.print("[bold]you[/] > ", end="")
        loop = asyncio.get_running_loop()
        typed = asyncio.Event()
        loop.add_reader(sys.stdin, typed.set)
        line = ""
        try:
            await typed.wait()
            line = sys.stdin.readline()
        finally:
            loop.remove_reader(sys.stdin)
            if not line:
                self._console.print()  # Ctrl-D and Ctrl-C leave the cursor behind the prompt
        if not line:
            raise EOFError
        return line.strip()

    async def answer_all(self, mentions: Iterable[str]) -> None:
        """Answer lines that are there already: a pipe, or the demo's script."""
        await self.greet()
        for mention in mentions:
            self._console.print(f"[bold]you[/] > {escape(mention)}")
            await self._answer(mention)

    async def _answer(self, mention: str) -> None:
        try:
            reply = await self._imitator.answer(self._voice, mention, occasion=TERMINAL)
            self._console.print(f"{self._label} > {escape(reply.text)}")
        except NothingToSayError as error:
            self._console.print(f"{self._label} > [dim]{escape(str(error))}[/]")
