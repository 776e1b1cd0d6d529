"""Spending: what X and Bluesky cost, by kind and by day, and what is left of the budgets."""

import calendar
from collections.abc import Sequence
from typing import Any

import gradio as gr
from jinja2 import Environment

from bot.fronts.web.backend import WebBackend
from bot.fronts.web.handling import explained, shown
from bot.fronts.web.operating import is_operator, refuse_stranger
from bot.spending import by_day, by_kind, month_from_words, summary
from data.posts import PLATFORMS
from data.store import Spent
from data.store.ledger import MICRO, today

_BILL = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""
<style>
.mynah-bill table { width: 100%; border-collapse: collapse; margin: 1rem 0 }
.mynah-bill caption { text-align: left; padding: .3rem 0 }
.mynah-bill :is(th, td) { padding: .3rem .5rem .3rem 0; text-align: left;
  border-bottom: 1px solid var(--border-color-primary) }
.mynah-bill .number { text-align: right; padding-right: 0; font-variant-numeric: tabular-nums }
.mynah-bill p { margin: .75rem 0 .25rem }
.mynah-gauge { height: .5rem; border-radius: .25rem; overflow: hidden; background: var(--border-color-primary) }
.mynah-gauge div { height: 100%; background: var(--color-accent) }
.mynah-days { display: flex; align-items: flex-end; gap: 2px; height: 9rem;
  border-bottom: 1px solid var(--border-color-primary) }
.mynah-days div { flex: 1; background: var(--color-accent); border-radius: 2px 2px 0 0 }
.mynah-ends { display: flex; justify-content: space-between; margin-bottom: 1rem; opacity: .75; font-size: .9rem }
</style>
<div class="mynah-bill">
{% for name, spent, limit in gauges %}
<p>{{ name }}: ${{ "%.3f" | format(spent) }} of ${{ "%.2f" | format(limit) }}.
{% if spent < limit %}${{ "%.3f" | format(limit - spent) }} is left.{% else %}Nothing is left.{% endif %}</p>
<div class="mynah-gauge"><div style="width: {{ 100 * [spent / limit, 1] | min if limit else 100 }}%"></div></div>
{% endfor %}
{% if bill.reserved %}
<p>${{ "%.3f" | format(bill.reserved) }} of it is set aside for calls whose end is not known yet.</p>
{% endif %}
{% if kinds %}
<table><caption>What it was for</caption>
<tr><th>On</th><th>What</th><th class="number">Count</th><th class="number">Dollars</th></tr>
{% for platform, kind, count, amount in kinds %}
<tr><td>{{ platforms[platform] }}</td><td>{{ kind }}</td><td class="number">{{ "{:,}".format(count) }}</td>
<td class="number">{{ "%.3f" | format(amount / micro) }}</td></tr>
{% endfor %}
</table>
{% else %}
<p>Nothing was spent in {{ name }}.</p>
{% endif %}
{% if top %}
<p id="mynah-by-day">Dollars by day; the highest bar is ${{ "%.3f" | format(top / micro) }}.</p>
<div class="mynah-days" role="img" aria-labelledby="mynah-by-day">
{% for day in range(1, length + 1) %}
<div title="{{ day }} {{ name }}: ${{ "%.3f" | format(days.get(day, 0) / micro) }}"
style="height: {{ 100 * days.get(day, 0) / top }}%; min-height: {{ 2 if days.get(day) else 0 }}px"></div>
{% endfor %}
</div>
<div class="mynah-ends"><span>1</span><span>{{ length }}</span></div>
{% endif %}
{% if bill.rows %}
<details><summary>Every day</summary>
<table><tr><th>Day</th><th>On</th><th>What</th><th class="number">Count</th><th class="number">Dollars</th></tr>
{% for row in bill.rows | reverse %}
<tr><td>{{ row.day[8:] | int }}</td><td>{{ platforms[row.platform] }}</td><td>{{ row.kind }}</td>
<td class="number">{{ "{:,}".format(row.count) }}</td>
<td class="number">{{ "%.3f" | format(row.dollars) }}</td></tr>
{% endfor %}
</table></details>
{% endif %}
<p class="mynah-note">Prices of {{ bill.prices_as_of }} ({{ bill.prices_from }}).
Days and months are those of UTC.</p>
</div>""")


def spending_tab(page: gr.Blocks, operator: gr.Tab, backend: WebBackend) -> None:
    """The inner tab Spending."""
    with gr.Tab("Spending", id="spending") as here:
        month = gr.Dropdown(label="Month", choices=[], interactive=True)
        bill = gr.HTML(apply_default_css=False)

        async def look(chosen: str | None, request: gr.Request) -> tuple[gr.Dropdown, str]:
            if not is_operator(backend, request):
                return gr.Dropdown(choices=[], value=None), ""
            months = {row.day[:7] for row in await backend.store.ledger.history("")} | {today()[:7]}
            chosen = chosen if chosen in months else today()[:7]
            choices = [(_name(one), one) for one in sorted(months, reverse=True)]
            return gr.Dropdown(choices=choices, value=chosen), await _shown(backend, chosen)

        @explained
        async def choose(chosen: str, request: gr.Request) -> str:
            refuse_stranger(backend, request)
            return await _shown(backend, month_from_words(chosen))

        shown(page.load, operator.select, here.select, update=look, inputs=month, outputs=[month, bill])
        month.input(choose, month, bill, trigger_mode="always_last", api_visibility="private")


async def _shown(backend: WebBackend, month: str) -> str:
    rows = await backend.store.ledger.history(month)
    return _bill(month, rows, summary(backend.settings.spending, month, rows, today()))


def _bill(month: str, rows: Sequence[Spent], bill: dict[str, Any]) -> str:
    days = by_day(rows)
    names = {"today": "Today", "month": "This month" if "today" in bill else _name(month)}
    return _BILL.render(
        name=_name(month),
        bill=bill,
        gauges=[(name, bill[key]["dollars"], bill[key]["limit"]) for key, name in names.items() if key in bill],
        kinds=by_kind(rows),
        days=days,
        top=max(days.values(), default=0),
        length=calendar.monthrange(int(month[:4]), int(month[5:]))[1],
        platforms=PLATFORMS,
        micro=MICRO,
    )


def _name(month: str) -> str:
    """`"2026-11"` -> `"November 2026"`."""
    return f"{calendar.month_name[int(month[5:])]} {month[:4]}"
