"""Asking for a voice: the one place where a wish becomes a finished voice or a queued run."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from data.cleaning import Profile
from data.corpus import Corpus, build_corpus, check_size
from data.errors import InputError, NotFoundError, RefusedError
from data.posts import normalise_handle
from data.settings import Settings
from data.store import Run, RunWish, Store
from trainer.bases import Base, default_base, resolve_base
from trainer.familiar import strange_to
from trainer.recipe import Recipe, voice_key
from trainer.voice import Voice

MOST_HANDLES = 3  # as in the reference


@dataclass(frozen=True)
class Asked:
    """What came of a wish: `voice` where it exists already, else `run`; `notes` are sentences for the person."""

    voice: Voice | None
    run: Run | None
    created: bool
    notes: tuple[str, ...] = ()


async def load_corpora(store: Store, handles: Sequence[str], profile: Profile) -> list[Corpus]:
    """The cleaned corpora of `handles`. Raises NotFoundError, RefusedError or TooLittleDataError."""
    await store.consent.refuse_opted_out(handles)
    corpora = []
    for handle in handles:
        posts = await store.posts.posts(handle)
        if not posts:
            raise NotFoundError(f"There are no posts of @{handle} yet; bring them with `mynah import`.")
        if not all(provenance.may_train for provenance in await store.posts.imports(handle)):
            raise RefusedError(f"The posts of @{handle} may not be trained on: their owner did not allow it.")
        corpora.append(await asyncio.to_thread(build_corpus, handle, posts, profile))
    return corpora


async def ask_for_voice(
    store: Store,
    settings: Settings,
    names: Sequence[str],
    *,
    base_name: str | None = None,
    profile: Profile = "default",
    requested_by: str = "terminal",
) -> Asked:
    """Reuse the voice of these handles, base and recipe, or queue one run for it, however many people ask.

    Raises a MynahError where a handle has no usable corpus or the base is not to be had.
    """
    handles = sorted({normalise_handle(name) for name in names})
    if not 1 <= len(handles) <= MOST_HANDLES:
        raise InputError(f"A voice is made of one, two or three handles; {len(handles)} were given.")
    corpora = await load_corpora(store, handles, profile)
    notes = [warning for corpus in corpora if (warning := check_size(corpus))]
    if base_name is None:
        base, note = await asyncio.to_thread(default_base, settings.base, offline=settings.offline)
        notes += [note] if note else []
    else:
        base = await asyncio.to_thread(resolve_base, base_name, offline=settings.offline)
    strange = await asyncio.to_thread(strange_to, base, [corpus.texts for corpus in corpora])
    notes += [_strange(base, corpus) for corpus, found in zip(corpora, strange, strict=True) if found]
    recipe = Recipe.for_base(base.parameters, profile, strange=any(strange))
    key = voice_key({corpus.handle: corpus.digest for corpus in corpora}, base.digest, recipe)
    if await store.voices.get(key) is not None:
        try:
            return Asked(Voice.from_folder(settings.voices / key), None, False, tuple(notes))
        except NotFoundError:
            await store.voices.remove(key)  # its folder was deleted by hand: train it again
    run, created = await store.runs.enqueue(
        RunWish(
            voice_key=key,
            handles=tuple(handles),
            base=base.name,
            recipe=recipe.to_json(),
            requested_by=requested_by,
        )
    )
    return Asked(None, run, created, tuple(notes))


def _strange(base: Base, corpus: Corpus) -> str:
    return (
        f"The base '{base.name}' hardly knows the language of @{corpus.handle}'s posts, so many of the voice's "
        "words will be none; a GPT-2 of that language, given by --base or MYNAH_BASE, does better, and "
        "`mynah pretrain` makes one from text files."
    )
