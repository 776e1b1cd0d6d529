"""What voices say, as the page shows it: text and never markup, labelled as AI, with buttons to pass it on."""

from collections.abc import Sequence

import gradio as gr
from jinja2 import Environment

from bot.fronts.label import label_of
from bot.fronts.web.backend import OCCASION, WebBackend
from bot.gates import Rejected
from bot.gates.words import WHY
from bot.imitator import Reply
from bot.picture import split_at_opening
from data.errors import InputError, NotFoundError
from data.store import Reply as KeptReply
from data.store import VoiceRow
from trainer.voice import Voice

LONGEST_OPENING = 300  # characters
HIDE = "() => ({__type__: 'update', visible: false})"  # as an event's script: its output goes out of sight

# Numbers of replies go out to the browser and come back when a button is pressed; the texts stay on record here.
_TEMPLATES = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_TEMPLATES.globals |= {
    "why": WHY,
    "counted": lambda few, one, more: f"{len(few)} {one if len(few) == 1 else more}",
}
_SAID = _TEMPLATES.from_string("""
{% if lines %}
<p class="label">{{ label }}</p>
<ul class="lines">
{% for reply, opening, rest in lines %}
<li><p dir="auto"><span class="opening">{{ opening }}</span>{{ rest }}</p>
<div class="actions">
<button type="button" data-copy="{{ reply.text }}\n({{ label }})">Copy</button>
{% if passing_on %}
<button type="button" data-post="{{ reply.id }}">Post</button>
<button type="button" data-picture="{{ reply.id }}">Share picture</button>
{% endif %}
</div></li>
{% endfor %}
</ul>
{% else %}
<p class="note">None of them could be said. Speak again, or begin in other words.</p>
{% endif %}
{% if rejected %}
<details>
<summary>Why {{ counted(rejected, "other was", "others were") }} not said</summary>
<ul class="lines">
{% for kept_back in rejected %}
<li><p dir="auto" class="opening">{{ kept_back.text or "…" }}</p>
<p class="reason">Not said, as {{ why[kept_back.reason] }}.</p></li>
{% endfor %}
</ul>
</details>
{% endif %}
""")
_NOTE = _TEMPLATES.from_string("""<p class="note" role="alert">{{ words }}</p>""")
_AT_WORK = _TEMPLATES.from_string("""
<p class="note" role="status">{{ words }} <span class="dots"><i></i><i></i><i></i></span></p>
""")

CSS = """
p { margin: 0; }
button { font: inherit; color: inherit; opacity: .7; background: none; cursor: pointer;
  border: 1px solid transparent; border-radius: .5rem; padding: .45rem .7rem; min-height: 2.5rem; }
button:hover, button:focus-visible { opacity: 1; border-color: var(--border-color-primary); }
.label, .note, .reason, summary { opacity: .75; font-size: .9rem; }
.label { margin-bottom: .2rem; }
.lines { list-style: none; margin: 0; padding: 0; }
.lines li { padding: .9rem 0 .4rem; border-bottom: 1px solid var(--border-color-primary); }
.lines li > p { font-size: 1.1rem; line-height: 1.5; overflow-wrap: anywhere; white-space: pre-wrap; }
.lines li > .reason { font-size: .9rem; padding-bottom: .5rem; }
.opening { opacity: .65; }
.actions { display: flex; flex-wrap: wrap; margin-inline: -.75rem; font-size: .9rem; }
details { margin-top: 1rem; }
summary { cursor: pointer; padding: .5rem 0; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 2rem; }
.sides h3 { margin: 0; font-size: 1.1rem; font-weight: 700; overflow-wrap: anywhere; }
.turn { max-width: 85%; width: fit-content; margin: 0 0 .8rem; padding: .6rem .9rem; border-radius: 1rem;
  background: var(--background-fill-secondary); border: 1px solid var(--border-color-primary); }
.turn p { line-height: 1.5; overflow-wrap: anywhere; white-space: pre-wrap; }
.turn.asked { margin-inline-start: auto; background: var(--primary-100); color: var(--primary-950);
  border-color: transparent; .dark & { background: var(--primary-800); color: var(--primary-50); } }
.turn .actions { margin: 0 -.5rem -.4rem; }
.dots i { display: inline-block; width: .35rem; height: .35rem; margin: 0 .1rem; border-radius: 50%;
  background: currentColor; animation: pulse 1.2s infinite; }
.dots i:nth-child(2) { animation-delay: .2s; }
.dots i:nth-child(3) { animation-delay: .4s; }
@keyframes pulse { 0%, 60%, 100% { opacity: .25; } 30% { opacity: 1; } }
"""

# navigator.clipboard is there at https and on this machine only; over the network the old way still works.
_ON_LOAD = """
const copied = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.readOnly = true;
    area.style.cssText = 'position: fixed; top: 0; opacity: 0';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
};
element.addEventListener('click', async (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  const {copy, post, picture} = button.dataset;
  if (post) trigger('post', {reply: Number(post)});
  if (picture) trigger('picture', {reply: Number(picture)});
  if (!copy) return;
  button.textContent = await copied(copy) ? 'Copied' : 'Can\\'t copy here';
  button.focus();
  setTimeout(() => { button.textContent = 'Copy'; }, 2000);
});
"""


def spoken_html(name: str) -> gr.HTML:
    """Where what voices say is shown; `name` is its element's id. Its events `post` and `picture` say as
    `event.reply` which reply's button was pressed.
    """
    # The value must stay out of the template: gradio runs a template as a program.
    return gr.HTML("", elem_id=name, css_template=CSS, js_on_load=_ON_LOAD, apply_default_css=False)


def said(
    handles: Sequence[str],
    replies: Sequence[Reply],
    rejected: Sequence[Rejected] = (),
    *,
    passing_on: bool = False,
) -> str:
    """Replies one by one, what was kept back folded below them. `passing_on` adds Post and Share picture."""
    return _SAID.render(
        label=label_of(named(handles)),
        lines=[(reply, *_around_opening(reply)) for reply in replies],
        rejected=rejected,
        passing_on=passing_on,
    )


def note(words: str) -> str:
    """A sentence in their place."""
    return _NOTE.render(words=words)


def at_work(backend: WebBackend, *voices: Voice) -> str:
    """That these voices are about to speak, and why it takes a while where it does."""
    who = " and ".join(voice.record.name for voice in voices)
    if {voice.record.key for voice in voices} <= backend.imitator.known:
        return _AT_WORK.render(words=f"{who} {'is' if len(voices) == 1 else 'are'} thinking")
    return _AT_WORK.render(words=f"Waking {who}. The first time takes a few seconds")


def named(handles: Sequence[str]) -> str:
    """`("a_b", "c")` -> `"@a_b and @c"`."""
    return " and ".join(f"@{handle}" for handle in handles)


def refuse_long(text: str) -> None:
    """Raises InputError for more than a voice can take in."""
    if len(text) > LONGEST_OPENING:
        raise InputError(f"That is longer than {LONGEST_OPENING} characters; shorten it.")


async def on_record(backend: WebBackend, number: object) -> tuple[KeptReply, VoiceRow]:
    """A reply that was said on this page, and its voice; `number` may be anything that a browser sends.

    Raises NotFoundError where one of them was erased, RefusedError where the voice's owner has opted out.
    """
    reply = await backend.store.replies.get(number) if isinstance(number, int) else None
    row = await backend.store.voices.get(reply.voice_key) if reply else None
    if reply is None or row is None or (reply.front, reply.person) != (OCCASION.front, OCCASION.person):
        raise NotFoundError("Mynah keeps no record of that any more; let the voice speak again.")
    await backend.store.consent.refuse_opted_out(row.handles)
    return reply, row


def _around_opening(reply: Reply) -> tuple[str, str]:
    opening, _ = split_at_opening(reply.text, reply.prompt)
    return opening, reply.text[len(opening) :]
