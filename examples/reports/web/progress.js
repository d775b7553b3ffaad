'use strict';

// Keeps report.php up to date: asks status.php again and again until the report is over.
const report = document.getElementById('report');
const over = (state) => state === 'done' || state === 'failed';
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function watch() {
  while (!over(report.dataset.state)) {
    await pause(500);
    try {
      const answer = await fetch('status.php?id=' + report.dataset.id, { signal: AbortSignal.timeout(15000) });
      if (!answer.ok) throw new Error(answer.status);
      show(await answer.json());
      document.getElementById('trouble').hidden = true;
    } catch {
      document.getElementById('trouble').hidden = false;
      await pause(1500);
    }
  }
}

function show(now) {
  report.className = 'card ' + now.state;
  for (const id of ['headline', 'note']) {
    const element = document.getElementById(id);
    if (element.textContent !== now[id]) element.textContent = now[id];
  }
  const bar = document.getElementById('bar');
  bar.value = now.percent;
  bar.hidden = over(now.state);
  document.getElementById('download').hidden = now.state !== 'done';
  document.getElementById('history').replaceChildren(...now.history.map((event) => {
    const line = document.createElement('li');
    for (const [tag, text] of [['time', event.at], ['span', event.what]]) {
      line.append(Object.assign(document.createElement(tag), { textContent: text }));
    }
    return line;
  }));
  report.dataset.state = now.state; // last: the end is seen when all is shown
}

watch();
