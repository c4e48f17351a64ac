// Runs before the author's code. A run may be replayed, so "now" is its start and randomness uses its seed.
(function (now, high, low, print) {
  "use strict";
  const RealDate = Date;
  function FixedDate(...parts) {
    if (!new.target) return new RealDate(now).toString();
    return Reflect.construct(RealDate, parts.length ? parts : [now], new.target);
  }
  Object.defineProperty(FixedDate, "name", { value: "Date" });
  Object.defineProperty(FixedDate, "length", { value: 7 });
  Object.defineProperty(FixedDate, "prototype", { value: RealDate.prototype, writable: false });
  RealDate.prototype.constructor = FixedDate;
  FixedDate.UTC = RealDate.UTC;
  FixedDate.parse = RealDate.parse;
  FixedDate.now = () => now;
  globalThis.Date = FixedDate;
  delete globalThis.performance;

  // sfc32, a small generator that passes PractRand.
  let a = high | 0, b = low | 0, c = 0x9e3779b9 | 0, d = 1;
  function next() {
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t | 0;
    return t >>> 0;
  }
  for (let i = 0; i < 12; i++) next();
  Math.random = () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;

  const stringify = JSON.stringify, text = String;
  function shown(value) {
    if (typeof value === "string") return value;
    if (value instanceof Error) return text(value);
    try {
      return stringify(value) ?? text(value);
    } catch {
      return text(value);
    }
  }
  const log = (...values) => print(values.map(shown).join(" ") + "\n");
  globalThis.console = { log, info: log, warn: log, error: log, debug: log };
});
