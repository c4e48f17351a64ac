// Measures the frames that a page draws while something happens: its animation frames, and the tasks of its main thread
// between them, from a trace of Chromium.

/**
 * Returns `{ count, fps, longest, busiest, work }`: the number of frames, frames a second, the longest gap between two and
 * the longest task in ms, and the main thread's work a frame in ms, as `{ median, p95 }`.
 */
export async function measureFrames(page, act) {
  const cdp = await page.context().newCDPSession(page);
  const events = [];
  cdp.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await cdp.send('Tracing.start', { categories: 'toplevel,devtools.timeline', transferMode: 'ReportEvents' });
  await page.evaluate(() => {
    const tick = () => {
      globalThis.ticking_ = requestAnimationFrame(tick);
    };
    tick();
  });
  await act();
  await page.evaluate(() => cancelAnimationFrame(globalThis.ticking_));
  const complete = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve));
  await cdp.send('Tracing.end');
  await complete;
  return figures(ofMainThread(events));
}

/** Keeps the events of the thread that drew the most frames: other pages of the process may draw one, too. */
function ofMainThread(events) {
  const thread = ({ pid, tid }) => `${pid}/${tid}`;
  const drawn = new Map();
  for (const event of events.filter(isFrame)) drawn.set(thread(event), (drawn.get(thread(event)) ?? 0) + 1);
  const [busiest] = [...drawn].sort(([, a], [, b]) => b - a)[0] ?? [];
  return events.filter((event) => thread(event) === busiest);
}

const isFrame = ({ name }) => name === 'FireAnimationFrame';
const isTask = ({ name, dur }) => /RunTask$/.test(name) && dur > 0;

function figures(events) {
  const times = events.filter(isFrame).map(({ ts }) => ts / 1_000);
  const frames = times
    .sort((a, b) => a - b)
    .slice(1)
    .map((end, index) => ({ start: times[index], end }));
  const tasks = events.filter(isTask).map(({ ts, dur }) => ({ start: ts / 1_000, end: (ts + dur) / 1_000 }));
  const work = frames.map((frame) => tasks.reduce((sum, task) => sum + overlap(frame, task), 0)).sort((a, b) => a - b);
  return {
    count: times.length,
    fps: (frames.length * 1_000) / (times.at(-1) - times[0]),
    longest: Math.max(0, ...frames.map(({ start, end }) => end - start)),
    busiest: Math.max(0, ...tasks.map(({ start, end }) => end - start)),
    work: { median: at(work, 0.5), p95: at(work, 0.95) },
  };
}

const overlap = (a, b) => Math.max(0, Math.min(a.end, b.end) - Math.max(a.start, b.start));
const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
