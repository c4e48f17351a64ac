// Counts the frames that a page could draw while something happens: its own animation frames, and long tasks by CDP tracing.

/** Returns `{ fps, longest, busiest, count }`: frames a second, the longest gap between two and the longest task, in ms. */
export async function measureFrames(page, act) {
  const cdp = await page.context().newCDPSession(page);
  const events = [];
  cdp.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await cdp.send('Tracing.start', { categories: 'toplevel,devtools.timeline', transferMode: 'ReportEvents' });
  await page.evaluate(() => {
    globalThis.frames_ = [];
    const tick = (at) => {
      globalThis.frames_.push(at);
      globalThis.ticking_ = requestAnimationFrame(tick);
    };
    globalThis.ticking_ = requestAnimationFrame(tick);
  });
  await act();
  const times = await page.evaluate(() => {
    cancelAnimationFrame(globalThis.ticking_);
    return globalThis.frames_;
  });
  const complete = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve));
  await cdp.send('Tracing.end');
  await complete;
  const gaps = times.slice(1).map((at, index) => at - times[index]);
  const tasks = events.filter(({ name, dur }) => /RunTask$/.test(name) && dur).map(({ dur }) => dur / 1_000);
  return {
    fps: (gaps.length * 1_000) / (times[times.length - 1] - times[0]),
    longest: Math.round(Math.max(...gaps)),
    busiest: Math.round(Math.max(0, ...tasks)),
    count: times.length,
  };
}
