"""How the report's page looks: light and dark, on a wide screen, a narrow one and on paper."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #fbfbfa; --ink: #1d2127; --quiet: #626a75; --line: #e2e4e8; --panel: #ffffff;
  --pass: #1a7f4b; --pass-back: #e4f4ea; --fail: #b3261e; --fail-back: #fce8e6; --skip: #79808b; --skip-back: #eef0f3; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171b; --ink: #e4e7eb; --quiet: #98a1ad; --line: #2b3138; --panel: #1a1e24;
  --pass: #5fcf92; --pass-back: #16301f; --fail: #ff8a80; --fail-back: #3b1a18; --skip: #8e97a3;
  --skip-back: #242a31; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 0 20px 48px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header { margin: 28px 0 0; padding: 4px 0 4px 18px; border-left: 5px solid var(--skip); }
header.pass { border-color: var(--pass); } header.fail { border-color: var(--fail); }
h1 { margin: 0; font-size: 25px; line-height: 1.25; letter-spacing: -.01em; }
h2 { margin: 34px 0 8px; font-size: 18px; }
h2::first-letter, .map th a::first-letter { text-transform: uppercase; }
p { margin: 4px 0 0; } header p { font-size: 17px; } header p.quiet { font-size: 14px; }
.quiet { color: var(--quiet); } a { color: inherit; }
nav { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: 6px; padding: 14px 0 10px;
  margin-top: 12px; background: var(--paper); }
nav label { padding: 3px 12px; border: 1px solid var(--line); border-radius: 99px;
  background: var(--panel); cursor: pointer; }
nav input { position: absolute; opacity: 0; } nav b { font-weight: 600; color: var(--quiet); }
nav label:has(:checked) { border-color: var(--ink); } nav label:has(:focus-visible) { outline: 2px solid var(--quiet); }
table { width: 100%; border-collapse: collapse; background: var(--panel); border: 1px solid var(--line); }
th { font-weight: 600; text-align: left; } thead th { color: var(--quiet); font-size: 13px; }
th, td { padding: 9px 12px; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
thead th { border-top: 0; }
.map { width: auto; } .map th, .map td { padding: 5px 16px 5px 12px; vertical-align: middle; white-space: nowrap; }
.map td .quiet { font-size: 13px; font-variant-numeric: tabular-nums; } .map a { text-decoration: none; }
.squares { display: inline-flex; gap: 3px; margin-right: 10px; vertical-align: -2px; }
.square { width: 13px; height: 13px; border-radius: 3px; background: var(--skip); }
.square.pass { background: var(--pass); } .square.fail { background: var(--fail); } .square.skip { opacity: .45; }
.cards { table-layout: fixed; } .cards th:first-child { width: 54px; } .cards th:nth-child(2) { width: 34%; }
.number { color: var(--quiet); font-variant-numeric: tabular-nums; } .card b { font-weight: 600; }
.card p { color: var(--quiet); font-size: 13px; line-height: 1.45; } .result p { font-size: 14px; line-height: 1.45; }
.verdict { padding: 1px 9px; border-radius: 99px; font-size: 13px; font-weight: 600; }
.pass .verdict { color: var(--pass); background: var(--pass-back); }
.fail .verdict { color: var(--fail); background: var(--fail-back); }
.skip .verdict { color: var(--skip); background: var(--skip-back); } .result.skip p { color: var(--quiet); }
.seconds { margin-left: 8px; font-size: 13px; font-variant-numeric: tabular-nums; }
tr:target td { background: var(--skip-back); } tr { scroll-margin-top: 60px; } section { scroll-margin-top: 44px; }
footer { margin-top: 32px; color: var(--quiet); font-size: 13px; }
body:has(#show-pass:checked) .cards tbody tr:not(.has-pass),
body:has(#show-fail:checked) .cards tbody tr:not(.has-fail),
body:has(#show-skip:checked) .cards tbody tr:not(.has-skip) { display: none; }
body:has(#show-pass:checked) section:has(.cards):not(:has(.has-pass)),
body:has(#show-fail:checked) section:has(.cards):not(:has(.has-fail)),
body:has(#show-skip:checked) section:has(.cards):not(:has(.has-skip)) { display: none; }
@media (max-width: 760px) { .cards thead { display: none; } .cards tr, .cards td { display: block; border: 0; }
  .cards tr { border-top: 1px solid var(--line); padding: 6px 0; } .cards td { padding: 3px 12px; }
  .result::before { content: attr(data-market) " "; margin-right: 8px; color: var(--quiet); font-size: 13px; }
  .map { display: block; overflow-x: auto; } }
@media print { nav { display: none; } body { max-width: none; } tr { break-inside: avoid; } }
"""
