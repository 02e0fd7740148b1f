"""How `review.html` looks, and what a click on it does where scripts may run; without them everything is seen all the same."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 90rem; padding: 0 1rem }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.1rem }
pre, code { background: #8882; border-radius: 4px; font: 13px/1.5 ui-monospace, monospace }
pre { padding: .5rem .75rem; overflow-x: auto } header p { max-width: 60rem; margin: .5rem 0 }
main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(256px, 1fr)); align-items: start }
figure { margin: 0; padding: .5rem; border: 2px solid #8884; border-radius: 8px }
figure { content-visibility: auto; contain-intrinsic-size: auto 280px }
figure.unsure { border-color: #e69500 } figure.nothing { border-color: #d33c3c } figure.owner { border-color: #3a8f4d }
figure div { position: relative; display: inline-block; cursor: crosshair; touch-action: none; line-height: 0 }
figure img { max-width: 100%; border-radius: 3px; user-select: none } figcaption { overflow-wrap: anywhere; font-size: 13px }
figure span { position: absolute; border: 2px solid #3af; pointer-events: none }
.mark { font-style: normal; font-weight: 600; color: #fff; background: #b86f00; border-radius: 3px; padding: 0 .35em }
.nothing .mark { background: #c22 } code { display: none; margin-top: .35rem; padding: .25rem .4rem; user-select: all }
td { padding: .1rem 1rem .1rem 0; font-size: 13px; vertical-align: top }
"""

# A click is a point, a drag is a box; the last of them is what the command below the picture says.
SCRIPT = """
document.querySelector('.click').hidden = false;
document.querySelectorAll('figure').forEach(function (figure) {
  var pane = figure.querySelector('div'), image = figure.querySelector('img'), code = figure.querySelector('code');
  var mark = null, from = null;
  function place(event) {
    var box = image.getBoundingClientRect();
    function share(value, start, length) { return Math.min(Math.max((value - start) / length, 0), 1); }
    return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
  }
  function pixel(share, size) { return Math.min(Math.floor(share * size), size - 1); }
  function show(to) {
    var x = [Math.min(from[0], to[0]), Math.max(from[0], to[0])], y = [Math.min(from[1], to[1]), Math.max(from[1], to[1])];
    var small = Math.max(x[1] - x[0], y[1] - y[0]) < 0.02, w = +figure.dataset.width, h = +figure.dataset.height;
    if (!mark) { mark = pane.appendChild(document.createElement('span')); }
    mark.style.left = 100 * x[0] + '%'; mark.style.top = 100 * y[0] + '%';
    mark.style.width = 100 * (x[1] - x[0]) + '%'; mark.style.height = 100 * (y[1] - y[0]) + '%';
    var where = small ? [pixel(to[0], w), pixel(to[1], h)]
      : [pixel(x[0], w), pixel(y[0], h), Math.max(Math.ceil(x[1] * w), 1), Math.max(Math.ceil(y[1] * h), 1)];
    // In quotes: PowerShell takes what has a comma for several words.
    code.textContent = figure.dataset.line + (small ? ' --point "' : ' --box "') + where.join(',') + '"'; code.style.display = 'block';
  }
  pane.addEventListener('pointerdown', function (event) { from = place(event); pane.setPointerCapture(event.pointerId); show(from); });
  pane.addEventListener('pointermove', function (event) { if (from) { show(place(event)); } });
  pane.addEventListener('pointerup', function (event) { if (from) { show(place(event)); from = null; } });
});
"""
