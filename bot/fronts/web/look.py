"""How the page looks: our colours, fonts that every machine has, and nothing fetched from anywhere else."""

import gradio as gr

CSS = """
.gradio-container { width: 100% !important; max-width: 60rem !important; margin: 0 auto !important; }
.mynah-sheet {
  position: fixed; inset: auto 0 0 0; z-index: 40; max-width: 44rem; max-height: 92vh; margin: 0 auto;
  padding: 1rem; overflow-y: auto; flex-wrap: nowrap; border-radius: 1rem 1rem 0 0;
  background: var(--background-fill-primary); border: 1px solid var(--border-color-primary);
  box-shadow: 0 0 2rem #0005;
}
.mynah-note { opacity: .75; font-size: .9rem; }
.mynah-wrong:not(:empty), .mynah-warning {
  padding: .6rem .8rem; border-radius: .5rem; border-inline-start: 4px solid;
}
.mynah-wrong { border-color: #dc2626; background: rgb(220 38 38 / .1); }
.mynah-warning { border-color: #d97706; background: rgb(217 119 6 / .1); }
:is(.mynah-sum, .mynah-table), :is(.mynah-sum, .mynah-table) tr {
  border: 0 !important; border-collapse: collapse;
}
.mynah-sum :is(th, td), .mynah-table :is(th, td) {
  padding: .25rem .6rem .25rem 0 !important; border: 0 !important; text-align: start; font-weight: 400;
  overflow-wrap: break-word; vertical-align: top;
}
.mynah-sum td, .mynah-table .number {
  text-align: end !important; font-variant-numeric: tabular-nums;
}
.mynah-sum td { padding-inline-start: 2rem !important; }
.mynah-sum tr:last-child > * { border-top: 1px solid !important; font-weight: 700 !important; }
.mynah-table { width: 100%; }
.mynah-table thead th { opacity: .75; font-size: .9rem; }
.mynah-table tbody td { border-top: 1px solid var(--border-color-primary) !important; }
.mynah-bar { height: .6rem; border-radius: .3rem; overflow: hidden; background: var(--border-color-primary); }
.mynah-bar > div { height: 100%; background: var(--primary-500); transition: width .6s; }
.mynah-bar-waiting > div { width: 30%; animation: mynah-waiting 1.6s infinite alternate ease-in-out; }
@keyframes mynah-waiting { to { transform: translateX(233%); } }
.mynah-facts { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: .8rem 0; }
.mynah-facts dt { opacity: .75; font-size: .9rem; }
.mynah-facts dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
#bring-too-large:empty, #train-said:not(:has(p)), #train-plot:not(:has(figure)) { display: none; }
/* The theme's unticked boxes are white on white. */
input:is([type=checkbox], [type=radio]):not(:checked) { border: 1px solid var(--neutral-400) !important; }
#train-runs .wrap { flex-direction: column; align-items: stretch; }
.mynah-post {
  display: block; min-height: 8rem; padding: 1rem 1.2rem; white-space: normal; overflow-wrap: anywhere;
  text-align: start; font-size: 1.1rem; font-weight: 400; line-height: 1.5; unicode-bidi: plaintext;
  background: var(--block-background-fill) !important; color: var(--body-text-color) !important;
  border: 1px solid var(--border-color-primary);
}
.mynah-post:hover:enabled, .mynah-post:focus-visible { border-color: var(--primary-500); }
.mynah-post:disabled { opacity: 1 !important; cursor: default; }
.mynah-post::before { display: block; margin-bottom: .4rem; font-size: .9rem; font-weight: 700; opacity: .75; }
.mynah-real { outline: 3px solid var(--primary-500); }
.mynah-curve { margin: .8rem 0 !important; padding-inline-start: 2.6rem; font-size: .85rem; }
.mynah-plot { position: relative; height: 14rem; border-inline-start: 1px solid; border-bottom: 1px solid; }
.mynah-plot, .mynah-mark { border-color: var(--border-color-primary) !important; }
.mynah-plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.mynah-plot polyline {
  fill: none; stroke-width: 2.5px; vector-effect: non-scaling-stroke; stroke-linejoin: round;
}
.mynah-mark { position: absolute; inset-inline: 0; border-top: 1px solid; }
.mynah-mark span {
  position: absolute; inset-inline-end: 100%; padding-inline-end: .5rem; transform: translateY(-55%); opacity: .75;
}
.mynah-steps { position: relative; height: 1.6rem; }
.mynah-steps span { position: absolute; top: .2rem; transform: translateX(-50%); opacity: .75; }
.mynah-curve figcaption { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }
.mynah-curve figcaption span:last-child { opacity: .75; }
figcaption :is(.mynah-held-out, .mynah-learned)::before {
  content: ""; display: inline-block; width: 1.2rem; margin-inline-end: .4rem; vertical-align: middle;
  border-width: 3px 0 0; border-style: solid;
}
.mynah-held-out { stroke: var(--primary-600); }
.mynah-learned { stroke: var(--neutral-400); }
.mynah-held-out::before { border-color: var(--primary-600); }
.mynah-learned::before { border-color: var(--neutral-400); }
.mynah-card :is(table, th, td) { border-collapse: collapse !important; }
.mynah-card th { white-space: nowrap; }
.mynah-card table, .mynah-card pre { display: block; max-width: 100%; overflow-x: auto; }
.mynah-card table { width: fit-content; border: 0 !important; padding: 0 !important; }
.mynah-card a { color: var(--primary-500); }
#guess-a::before { content: "A"; }
#guess-b::before { content: "B"; }
#guess-a.mynah-real::before { content: "A: the real post"; }
#guess-b.mynah-real::before { content: "B: the real post"; }
"""


def theme() -> gr.themes.Base:
    """Gradio's own fonts would come from a server of Google's."""
    return gr.themes.Soft(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
