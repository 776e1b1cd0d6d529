"""Pushing a voice: who allows it, where it goes, and the upload, which goes on where a killed one ended."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.cards import cover_of
from bot.exporting import export_apart
from bot.governor import Governor
from bot.hub.checks import ORIGIN
from bot.hub.client import Hub
from bot.hub.names import checked_repository, repository_name
from bot.hub.pushed import Pushed, delete_repository, remember, remembered
from bot.importing import scratch_folder
from data.errors import MynahError, RefusedError
from data.settings import Settings
from data.store import Store
from trainer.voice import Voice

OWN = "the operator's own posts"
RELEASED = "released by their owners"


@dataclass(frozen=True)
class Plan:
    """A push that may be made. `unreleased`: whose posts were not released, so that the operator must vouch."""

    voice: Voice
    repo: str
    public: bool
    unreleased: tuple[str, ...]
    renewed: bool  # whether an earlier push is there already


async def plan_push(
    store: Store, settings: Settings, hub: Hub, voice: Voice, *, repo: str = "", public: bool = False
) -> Plan:
    """Where the voice may go; nothing is sent. `repo` is "owner/name", "name", or empty for the handles' own.

    Raises RefusedError where somebody opted out, provenance forbids it, in a dry run, offline, without a token, or
    where the repository is not one that Mynah pushed this voice to.
    """
    Governor(store, settings).refuse_dry_run(f"the voice {voice.record.name}")
    hub.refuse_offline()
    unreleased = await _unreleased(store, voice, public=public)
    target = checked_repository(repo) if repo else repository_name(voice.record.handles)
    account = await hub.account()
    if "/" not in target:
        target = checked_repository(f"{settings.hub.owner or account.name}/{target}")
    account.refuse_foreign(target)
    known = await remembered(store, f"{hub.endpoint}/{target}")
    if known is not None and known.doomed:
        raise RefusedError(
            f"{target} is still to be deleted on the model hub, as somebody of it was forgotten; `mynah doctor` "
            "tries that again."
        )
    there = await hub.call(f"the repository {target}", lambda: hub.api.repo_exists(target))
    if there and (known is None or known.handles != voice.record.handles):
        raise RefusedError(
            f"{target} is on the model hub already and holds something else; name another with --repo owner/name."
        )
    return Plan(voice, target, public, unreleased, renewed=there)


async def push(
    store: Store,
    settings: Settings,
    hub: Hub,
    plan: Plan,
    *,
    own: bool = False,
    tell: Callable[[str], None] = lambda sentence: None,
) -> str:
    """Make the push and give the repository's address. `own`: the operator says that unreleased posts are theirs.

    What was uploaded whole is not sent again by the next try. Should somebody of it be forgotten or opt out
    meanwhile, the repository is deleted again. Raises RefusedError, and MynahError where export or hub fail.
    """
    record = plan.voice.record
    Governor(store, settings).refuse_dry_run(f"the voice {record.name}")
    if plan.unreleased and not own:
        raise RefusedError(_ask_for_word(plan.unreleased))
    await _unreleased(store, plan.voice, public=plan.public)
    word = OWN if plan.unreleased else RELEASED
    pushed = Pushed(plan.repo, hub.endpoint, record.handles, record.key, plan.public, word)
    async with scratch_folder(settings) as scratch:
        tell(f"Packing the voice {record.name}.")
        folder = scratch / "voice"
        await export_apart(settings, record.key, folder)
        cover = await cover_of(store, settings, plan.voice, repo=plan.repo, address=pushed.place)
        for name, content in cover.items():
            (folder / name).write_bytes(content)
        await remember(store, pushed)
        await _prepare(hub, plan)
        await _take_back_unwanted(store, settings, pushed)
        tell(f"Uploading to {plan.repo}.")
        try:
            await hub.call(
                f"the upload to {plan.repo}",
                lambda: hub.api.upload_folder(
                    repo_id=plan.repo,
                    folder_path=folder,
                    commit_message=f"Voice {record.key}",
                    delete_patterns="*",  # what an older voice left there
                ),
                moves_files=True,
            )
        finally:  # a broken one may have arrived, and one broken by the repository's deletion is explained thereby
            await _take_back_unwanted(store, settings, pushed)
    return pushed.place


async def _unreleased(store: Store, voice: Voice, *, public: bool) -> tuple[str, ...]:
    """Whose posts were not released for publishing by every import. Raises RefusedError where no word of the
    operator mends that: for a public repository, for posts that somebody else brought, and for unknown ones.
    """
    await store.consent.refuse_opted_out(voice.record.handles)
    if (voice.folder / ORIGIN).exists():
        name, origin = voice.record.name, voice.record.base
        raise RefusedError(f"The voice {name} was pulled from {origin}, which is its place; train one to push it.")
    unreleased = []
    for handle in voice.record.handles:
        origins = await store.posts.imports(handle)
        if not origins:
            raise RefusedError(
                f"Nothing here says whose posts the voice of @{handle} learned from, so it can't be pushed; train "
                "it from an import first."
            )
        if all(origin.may_publish for origin in origins):
            continue
        if public:
            raise RefusedError(
                f"The posts of @{handle} were not released for publishing, so their voice can't be public; where "
                "the owner allows it, import each file with --may-publish."
            )
        if await store.consent.right(handle) is not None:
            raise RefusedError(
                f"The posts of @{handle} were brought by somebody who did not release them for publishing, so "
                "their voice stays on this machine."
            )
        unreleased.append(handle)
    return tuple(unreleased)


def _ask_for_word(handles: tuple[str, ...]) -> str:
    who = " and ".join(f"@{handle}" for handle in handles)
    return (
        f"The posts of {who} were not released for publishing; if they are your own, say so with --own, or import "
        "them with --may-publish where their owner allows it."
    )


async def _prepare(hub: Hub, plan: Plan) -> None:
    """See to it that the repository is there, and seen by those who shall, before the first byte of a voice.

    Raises RefusedError where a hub makes public what shall be private.
    """
    what = f"the repository {plan.repo}"
    await hub.call(what, lambda: hub.api.create_repo(plan.repo, private=not plan.public, exist_ok=True))
    if not await _is_seen_right(hub, plan):
        await hub.call(what, lambda: hub.api.update_repo_settings(plan.repo, private=not plan.public))
        if not await _is_seen_right(hub, plan):
            raise RefusedError(
                f"The model hub does not make {plan.repo} {'public' if plan.public else 'private'}; nothing was "
                "uploaded, see to its settings there."
            )


async def _is_seen_right(hub: Hub, plan: Plan) -> bool:
    info = await hub.call(f"the repository {plan.repo}", lambda: hub.api.model_info(plan.repo))
    return info.private is not plan.public


async def _take_back_unwanted(store: Store, settings: Settings, pushed: Pushed) -> None:
    """Raises RefusedError, the repository deleted again, where its voice was erased or opted out meanwhile."""
    try:
        await store.consent.refuse_opted_out(pushed.handles)
        if not await store.voices.there([pushed.voice_key]):
            raise RefusedError(f"The voice of {', '.join(f'@{handle}' for handle in pushed.handles)} was erased.")
    except RefusedError as refusal:
        await remember(store, pushed)  # who erased it may have been too early to find the repository
        try:
            await delete_repository(store, settings, pushed)
        except MynahError as error:
            raise RefusedError(f"{refusal} {pushed.repo} is still on the model hub: {error}") from None
        raise
