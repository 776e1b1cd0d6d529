"""Pushing: who allows it, where it goes, how it looks there, and what happens when hub or line fail."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.utils import validate_repo_id
from pydantic import SecretStr

from bot.erasing import erase
from bot.hub.names import repository_name
from bot.hub.push import plan_push, push
from bot.hub.pushed import Pushed, all_pushed, remember
from data.errors import InputError, MynahError, NotFoundError, RefusedError
from data.settings import HubSettings
from data.store import Right
from tests.hub_server import Account
from tests.hubs import Place, make_voice
from trainer.voice import RECORD, Voice

pytestmark = [
    pytest.mark.usefixtures("_exports_here"),
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),  # huggingface_hub's own
]

SAID = ("My dream is a lamp that never needs me.", "My dream is soup for every gull.")
MODEL_FILES = {"README.md", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}


async def pushed_voice(place: Place, voice: Voice, *, own: bool = False, **wish: str | bool) -> str:
    plan = await plan_push(place.store, place.settings, place.hub, voice, **wish)
    return await push(place.store, place.settings, place.hub, plan, own=own)


async def test_a_voice_goes_to_a_private_repository_of_its_name_with_card_and_picture(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper", examples=SAID)
    address = await pushed_voice(place, voice)
    assert address == f"{place.server.endpoint}/ode/keeper"
    repo = place.server.world.repositories["ode/keeper"]
    assert repo.private
    assert repo.files.keys() == {".gitattributes", "predictions.png", "tokenizer_config.json", *MODEL_FILES}
    assert repo.files["predictions.png"].content.startswith(b"\x89PNG")
    card = ModelCard(repo.files["README.md"].content.decode())
    assert card.data.thumbnail == f"{address}/resolve/main/predictions.png"
    assert "ode/keeper" in card.text
    [kept] = await all_pushed(place.store)
    assert (kept.repo, kept.handles, kept.public, kept.doomed) == ("ode/keeper", ("keeper",), False, False)
    assert kept.word == "released by their owners"
    assert not any((place.settings.home / "incoming").iterdir())


async def test_a_voice_without_anything_fit_to_show_has_no_picture_and_no_thumbnail(place: Place) -> None:
    voice = await make_voice(
        place.store, place.settings, "keeper", examples=("My dream is at https://fog.example now.",)
    )
    await pushed_voice(place, voice)
    repo = place.server.world.repositories["ode/keeper"]
    assert "predictions.png" not in repo.files
    assert "thumbnail" not in ModelCard(repo.files["README.md"].content.decode()).data.to_dict()


async def test_a_public_push_and_back_to_private(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper", "gull")
    await pushed_voice(place, voice, public=True, repo="lighthouse/two")
    repo = place.server.world.repositories["lighthouse/two"]
    assert not repo.private
    await pushed_voice(place, voice, repo="lighthouse/two")
    assert repo.private
    uploads = [call for call in place.server.calls if call.path.startswith("/large/") and call.method == "PUT"]
    assert len(uploads) == 1  # the weights, once for both pushes


async def test_nothing_is_uploaded_where_a_hub_makes_public_what_shall_be_private(place: Place) -> None:
    place.server.routes.overrides_privacy = True
    voice = await make_voice(place.store, place.settings, "keeper")
    with pytest.raises(RefusedError, match=r"does not make ode/keeper private; nothing was uploaded"):
        await pushed_voice(place, voice)
    assert place.server.sent("PUT", "/large/") == 0
    assert not any("/commit/" in call.path for call in place.server.calls)


async def test_what_an_older_voice_left_there_goes(place: Place) -> None:
    old = await make_voice(place.store, place.settings, "keeper", examples=SAID)
    await pushed_voice(place, old)
    new = await make_voice(place.store, place.settings, "keeper", seed=1)
    plan = await plan_push(place.store, place.settings, place.hub, new)
    assert plan.renewed
    await push(place.store, place.settings, place.hub, plan)
    repo = place.server.world.repositories["ode/keeper"]
    assert "predictions.png" not in repo.files
    assert [commit.message for commit in repo.commits[1:]] == [
        f"Voice {old.record.key}",
        f"Voice {new.record.key}",
    ]


# Who allows it


async def test_unreleased_posts_are_never_public_and_private_only_on_the_operators_word(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper", may_publish=False)
    with pytest.raises(RefusedError, match="so their voice can't be public"):
        await pushed_voice(place, voice, public=True, own=True)
    with pytest.raises(RefusedError, match=r"say so with --own"):
        await pushed_voice(place, voice)
    assert not place.server.world.repositories
    await pushed_voice(place, voice, own=True)
    assert place.server.world.repositories["ode/keeper"].private
    [kept] = await all_pushed(place.store)
    assert kept.word == "the operator's own posts"


async def test_one_unreleased_import_of_one_handle_is_enough(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper", "gull")
    await make_voice(place.store, place.settings, "gull", may_publish=False)
    with pytest.raises(RefusedError, match="@gull were not released"):
        await pushed_voice(place, voice, public=True)


async def test_posts_that_somebody_else_brought_stay_unless_released(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper", may_publish=False)
    await place.store.consent.claim(Right("keeper", "discord:1", "discord:9"))
    with pytest.raises(RefusedError, match="brought by somebody who did not release them"):
        await pushed_voice(place, voice, own=True)


async def test_a_voice_of_unknown_posts_is_not_pushed(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper")
    (voice.folder / RECORD).write_text(json.dumps(replace(voice.record, handles=("stranger",)).to_json()))
    with pytest.raises(RefusedError, match="Nothing here says whose posts"):
        await pushed_voice(place, Voice.from_folder(voice.folder), own=True)


async def test_whoever_opted_out_is_not_pushed(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper")
    await place.store.consent.opt_out("keeper", None)
    with pytest.raises(RefusedError, match="opted out"):
        await pushed_voice(place, voice)
    assert not place.server.calls


@pytest.mark.parametrize("setting", ["dry_run", "offline"])
async def test_dry_run_and_offline_ask_the_hub_for_nothing(place: Place, setting: str) -> None:
    voice = await make_voice(place.store, place.settings, "keeper")
    with pytest.raises(RefusedError, match=f"MYNAH_{setting.upper()}"):
        await pushed_voice(place.with_settings(**{setting: True}), voice)
    assert not place.server.calls


async def test_without_a_token_it_is_said_where_to_put_one(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper")
    with pytest.raises(RefusedError, match=r"MYNAH_HUB__TOKEN.*hf auth login"):
        await pushed_voice(place.with_settings(hub=HubSettings()), voice)


@pytest.mark.parametrize("when", ["before the upload", "after the upload"])
@pytest.mark.parametrize("what", ["forgotten", "opted out"])
async def test_an_opt_out_or_a_forgetting_during_the_upload_takes_the_repository_back(
    place: Place, what: str, when: str
) -> None:
    voice = await make_voice(place.store, place.settings, "keeper")
    hub, loop = place.hub, asyncio.get_running_loop()
    plan = await plan_push(place.store, place.settings, hub, voice)
    upload = hub.api.upload_folder

    async def happen() -> None:
        if what == "forgotten":
            assert (await erase(place.store, place.settings, "keeper")).counts["repositories"] == 1
        else:
            await place.store.consent.opt_out("keeper", None)

    def upload_meanwhile(**how: Any) -> None:
        if when == "after the upload":
            upload(**how)
        asyncio.run_coroutine_threadsafe(happen(), loop).result()
        if when == "before the upload":
            upload(**how)

    hub.api.upload_folder = upload_meanwhile  # type: ignore[assignment]
    with pytest.raises(RefusedError, match=r"was erased|has opted out"):
        await push(place.store, place.settings, hub, plan)
    assert not place.server.world.repositories
    assert await all_pushed(place.store) == []
    assert not any((place.settings.home / "incoming").iterdir())


async def test_two_pushes_at_once_leave_one_whole_voice(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper", examples=SAID)
    plans = [await plan_push(place.store, place.settings, place.hub, voice) for _ in range(2)]
    ends = await asyncio.gather(
        *(push(place.store, place.settings, place.hub, plan) for plan in plans), return_exceptions=True
    )
    assert any(isinstance(end, str) for end in ends)
    assert all(isinstance(end, str | MynahError) for end in ends)
    assert place.server.world.repositories["ode/keeper"].files.keys() >= {*MODEL_FILES, "predictions.png"}
    assert len(await all_pushed(place.store)) == 1


# Where it goes


async def test_a_repository_that_holds_something_else_is_left_alone(place: Place) -> None:
    place.server.repository("ode/keeper", {"model.safetensors": b"mine"})
    voice = await make_voice(place.store, place.settings, "keeper")
    with pytest.raises(RefusedError, match=r"ode/keeper is on the model hub already.*--repo"):
        await pushed_voice(place, voice)
    await pushed_voice(place, voice, repo="keeper-voice")
    assert "ode/keeper-voice" in place.server.world.repositories
    await remember(
        place.store, Pushed("ode/keeper-voice", place.server.endpoint, ("keeper",), "k", False, "", doomed=True)
    )
    with pytest.raises(RefusedError, match="still to be deleted"):
        await pushed_voice(place, voice, repo="keeper-voice")


async def test_a_repository_of_that_name_on_another_hub_is_another_one(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper")
    elsewhere = Pushed("ode/keeper", "http://127.0.0.1:9", ("keeper",), voice.record.key, False, "a test")
    await remember(place.store, elsewhere)
    place.server.repository("ode/keeper", {"model.safetensors": b"mine"})
    with pytest.raises(RefusedError, match="holds something else"):
        await pushed_voice(place, voice)
    del place.server.world.repositories["ode/keeper"]
    await pushed_voice(place, voice)
    assert {kept.endpoint for kept in await all_pushed(place.store)} == {elsewhere.endpoint, place.server.endpoint}


async def test_a_repository_of_somebody_else_is_refused_before_it_is_noted_as_ours(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper")
    with pytest.raises(RefusedError, match="is ode's, who has no say over stranger/keeper"):
        await pushed_voice(place, voice, repo="stranger/keeper")
    await pushed_voice(place, voice, repo="lighthouse/keeper-of-two")
    assert [kept.repo for kept in await all_pushed(place.store)] == ["lighthouse/keeper-of-two"]


async def test_the_owner_comes_from_the_settings(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper")
    owner = place.settings.hub.model_copy(update={"owner": "lighthouse"})
    assert (await pushed_voice(place.with_settings(hub=owner), voice)).endswith("/lighthouse/keeper")
    with pytest.raises(InputError, match="can't be a repository"):
        await pushed_voice(place, voice, repo="a/b/c")


@pytest.mark.parametrize(
    ("handles", "name"),
    [
        (["Keeper".lower()], "keeper"),
        (["gull", "a.bsky.social"], "a.bsky.social-gull"),
        (["keeper@birds.town"], "keeper-birds.town"),
        (["__x__", "a--b"], "__x__-a-b"),
        (["a..b"], "a.b"),
        (["my.git"], "my.git-voice"),
        (["_" * 64 + "a", "b" * 64], "_" * 64 + "a-" + "b" * 21 + "-"),
    ],
)
def test_handles_make_a_name_that_the_hub_takes(handles: list[str], name: str) -> None:
    made = repository_name(handles)
    assert made.startswith(name)
    assert len(made) == len(name) + (8 if len(name) > 80 else 0)
    validate_repo_id(made)


# When hub or line fail


@pytest.mark.parametrize(
    ("path", "fault", "kind", "sentence"),
    [
        ("/api/whoami-v2", {"status": 401}, RefusedError, "does not take the token"),
        ("/api/repos/create", {"status": 403}, RefusedError, "may not do that"),
        ("/api/repos/create", {"status": 429}, MynahError, "asks for a pause"),
        ("/api/repos/create", {"status": 503}, MynahError, "in trouble itself"),
        ("/api/repos/create", {"cut": True}, MynahError, "can't be reached, or the line broke"),
        ("/api/repos/create", {"status": 200, "body": b"<html>"}, MynahError, "can't be understood"),
        ("/api/whoami-v2", {"status": 200, "body": b"<html>"}, MynahError, "can't be understood"),
        ("/api/whoami-v2", {"status": 200, "body": b"[1]"}, MynahError, "can't be understood"),
        (".*/commit/main", {"status": 409}, MynahError, "Somebody else is changing"),
        (".*/commit/main", {"status": 422, "body": b'{"error": "No\\u001b[31m fog"}'}, InputError, "No .*fog"),
        (".*/preupload/main", {"status": 404}, NotFoundError, "has no"),
        ("/large/[^/]+", {"status": 403}, RefusedError, "may not do that"),
    ],
)
async def test_what_goes_wrong_there_is_one_sentence(
    place: Place, path: str, fault: dict[str, object], kind: type[MynahError], sentence: str
) -> None:
    place.server.fail(".*", path, **fault)
    voice = await make_voice(place.store, place.settings, "keeper")
    with pytest.raises(kind, match=sentence) as caught:
        await pushed_voice(place, voice)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert place.server.token not in str(caught.value)
    await pushed_voice(place, voice)  # and the next try goes through


async def test_a_token_that_only_reads_is_refused(place: Place) -> None:
    place.server.world.accounts[place.server.token] = Account("ode", writes=False)
    voice = await make_voice(place.store, place.settings, "keeper")
    with pytest.raises(RefusedError, match="write access"):
        await pushed_voice(place, voice)


async def test_a_hub_that_is_not_there(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper")
    hub = type(place.hub)(place.settings, "http://127.0.0.1:9")
    with pytest.raises(MynahError, match=r"127.0.0.1:9 can't be reached"):
        await plan_push(place.store, place.settings, hub, voice)


@pytest.mark.parametrize("path", ["/api/whoami-v2", "/api/repos/create", ".*/preupload/main", ".*/commit/main"])
async def test_a_hub_that_never_answers_is_given_up(
    place: Place, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("bot.hub.client.ANSWER_SECONDS", 0.5)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    place.server.fail(".*", path, hold=True, times=9)
    voice = await make_voice(place.store, place.settings, "keeper")
    with pytest.raises(MynahError, match="can't be reached, or the line broke"):
        await pushed_voice(place, voice)


@pytest.mark.parametrize("endpoint", ["http://[", "http://a b", "nowhere", "ftp://127.0.0.1"])
async def test_an_address_that_is_none_is_one_sentence(place: Place, endpoint: str) -> None:
    voice = await make_voice(place.store, place.settings, "keeper")
    hub = type(place.hub)(place.settings, endpoint)
    with pytest.raises(MynahError, match="can't be"):
        await plan_push(place.store, place.settings, hub, voice)


@pytest.mark.parametrize("part_size", [None, 4096])
async def test_a_cut_line_and_a_sick_hub_are_tried_again_within_a_push(
    place: Place, part_size: int | None
) -> None:
    place.server.routes.part_size = part_size
    place.server.fail("PUT", "/large/.*", cut=True, after=2000)
    place.server.fail("POST", ".*/preupload/main", status=503)
    voice = await make_voice(place.store, place.settings, "keeper")
    await pushed_voice(place, voice)
    weights = place.server.world.repositories["ode/keeper"].files["model.safetensors"].content
    assert len(weights) <= place.server.sent("PUT", "/large/") < 2 * len(weights)


async def test_what_was_uploaded_before_the_commit_broke_is_not_sent_again(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper", examples=SAID)
    place.server.fail("POST", ".*/commit/main", status=500)
    with pytest.raises(MynahError, match="in trouble"):
        await pushed_voice(place, voice)
    first = place.server.sent("PUT", "/large/")
    await pushed_voice(place, voice)
    assert place.server.sent("PUT", "/large/") == first > 0
    assert len(place.server.world.repositories["ode/keeper"].commits) == 2


async def test_a_commit_whose_answer_was_lost_is_found_made(place: Place) -> None:
    voice = await make_voice(place.store, place.settings, "keeper")
    place.server.fail("POST", ".*/commit/main", late=True)
    with pytest.raises(MynahError, match="line broke"):
        await pushed_voice(place, voice)
    commits = len(place.server.world.repositories["ode/keeper"].commits)
    await pushed_voice(place, voice)
    assert len(place.server.world.repositories["ode/keeper"].commits) == commits == 2


async def test_the_token_stays_out_of_the_log_and_of_the_settings_words(place: Place) -> None:
    assert place.server.token not in repr(place.settings)
    assert place.settings.hub.token == SecretStr(place.server.token)
