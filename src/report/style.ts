/** The page's style sheet: light and dark by the reader's setting, one column on narrow screens, plain when printed. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b2430; --soft: #55606f; --rule: #e2e6eb; --axis: #7a8695;
  --role-default: #5c6775; --role-best: #b4510a; --role-start: #8a3fa0; --role-learned: #0a5fc2; --role-many: #0f766e;
  --won: #0a5fc2; --lost: #b42318; --open: #8a5a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10151c; --card: #18202a; --text: #e6ebf1; --soft: #a2aebc; --rule: #2b3643; --axis: #8694a5;
    --role-default: #a7b2c0; --role-best: #f6a15b; --role-start: #d59be6; --role-learned: #6db1ff; --role-many: #4fd0bd;
    --won: #6db1ff; --lost: #ff8a7a; --open: #f0c060;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1300px; margin: 0 auto; padding: 32px 20px 64px; }
header { margin-bottom: 24px; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 4px 0 10px; text-wrap: balance; }
h1.won { color: var(--won); } h1.lost { color: var(--lost); } h1.open { color: var(--open); }
h2 { font-size: 1.2rem; margin: 40px 0 8px; }
h3 { font-size: 1rem; margin: 0 0 4px; }
p { margin: 6px 0; max-width: 80ch; }
p.soft, p.kicker { max-width: 96ch; }
.soft, figcaption, .kicker { color: var(--soft); font-size: .875rem; }
.kicker { margin: 0; }
code { font: .875em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre {
  background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 14px; overflow-x: auto;
  font: .8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; max-width: 100%;
}
pre code { font: inherit; overflow-wrap: normal; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(200px, calc(50% - 7px)), 1fr)); gap: 14px; margin: 20px 0 6px; }
.card, .panel { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 14px 16px; min-width: 0; }
.card { border-top: 4px solid var(--role); }
.card .value { font-size: 1.6rem; font-weight: 650; color: var(--role); font-variant-numeric: tabular-nums; line-height: 1.2; }
.card .value small { font-size: .9rem; font-weight: 400; color: var(--soft); white-space: nowrap; }
.card img { display: block; max-width: 100%; height: auto; margin-top: 10px; }
img.pixels { image-rendering: pixelated; }
.default { --role: var(--role-default); } .best { --role: var(--role-best); } .start { --role: var(--role-start); }
.learned { --role: var(--role-learned); } .many { --role: var(--role-many); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 14px; }
.smalls { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(220px, calc(50% - 7px)), 1fr)); gap: 10px 14px; }
.smalls figure h3 { font-size: .8125rem; font-weight: 600; }
figure { margin: 0; min-width: 0; }
figcaption { margin-top: 6px; max-width: 70ch; }
svg.plot, svg[class^="plot"] { display: block; width: 100%; max-width: 560px; height: auto; color: var(--text); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 2px 0 8px; padding: 0; list-style: none; font-size: .8125rem; }
.legend li { display: flex; align-items: center; gap: 6px; }
.table { overflow-x: auto; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; margin: 10px 0; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 7px 10px; border-bottom: 1px solid var(--rule); vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-weight: 600; vertical-align: bottom; color: var(--soft); }
thead th small { display: block; font-weight: 400; overflow-wrap: anywhere; min-width: 9em; }
tbody th { font-weight: 600; white-space: nowrap; }
td { white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
thead th.number { white-space: normal; }
tr.learned > * { background: color-mix(in srgb, var(--role-learned) 9%, transparent); }
tr.untrusted > * { color: var(--axis); }
td.chosen { font-weight: 700; color: var(--role-best); }
.table:has(.narrow) { width: fit-content; max-width: 100%; }
dl { display: grid; grid-template-columns: minmax(120px, 210px) 1fr; gap: 4px 18px; margin: 10px 0; font-size: .9375rem; }
dl.files { grid-template-columns: minmax(120px, 430px) 1fr; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.settings { columns: 3 260px; column-gap: 28px; font-size: .8125rem; }
.settings div { break-inside: avoid; display: flex; gap: 12px; justify-content: space-between; border-bottom: 1px solid var(--rule); padding: 3px 0; }
.settings code:last-child { text-align: right; }
details summary { cursor: pointer; color: var(--soft); margin: 10px 0 4px; }
a { color: var(--role-learned); }
@media (max-width: 560px) {
  main { padding: 20px 14px 48px; } h1 { font-size: 1.35rem; } dl, dl.files { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; }
  th, td { padding: 6px 9px; } .card, .panel { padding: 10px 11px; } .card .value { font-size: 1.35rem; }
}
@media print { body { background: #fff; } .card, .panel, .table { break-inside: avoid; } }
`
