// Runs before the author's code. A run may be replayed, so "now" is its start and randomness uses its seed.
(function (now, high, low, print, loadWeb) {
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

  // Most code needs none of these, so they are made when one is first read.
  const define = Object.defineProperty, hasOwn = Object.hasOwn;
  let web;
  const names = [
    "Buffer", "TextDecoder", "TextEncoder", "URL", "URLSearchParams", "atob", "btoa", "crypto",
    "structuredClone",
  ];
  for (const name of names) {
    const set = (value) => define(globalThis, name, { value, writable: true, configurable: true });
    define(globalThis, name, {
      get() {
        web ??= loadWeb(next);
        set(web[name]);
        return web[name];
      },
      set,
      configurable: true,
    });
  }

  // Integers beyond 2^53 cross as marked texts: numbers would round them.
  const BigInteger = BigInt, bigPrototype = BigInt.prototype;
  const isArray = Array.isArray, keys = Object.keys, isExtensible = Object.isExtensible;
  const call = Function.prototype.call, startsWith = call.bind(String.prototype.startsWith);
  const slice = call.bind(String.prototype.slice);
  function revive(value, mark) {
    if (typeof value === "string") {
      return startsWith(value, mark) ? BigInteger(slice(value, mark.length)) : value;
    }
    if (typeof value !== "object" || value === null) return value;
    const fields = isArray(value) ? value.length : keys(value);
    if (typeof fields === "number") {
      for (let at = 0; at < fields; at++) value[at] = revive(value[at], mark);
      return value;
    }
    for (let at = 0; at < fields.length; at++) {
      const field = revive(value[fields[at]], mark);
      if (typeof field === "bigint") {
        const property = { writable: true, enumerable: true, configurable: true };
        define(value, fields[at], { ...property, value: field });
      }
    }
    return value;
  }

  // Returns the result as JSON text, and whether it holds marked integers.
  function encode(value, mark) {
    let marks = false;
    if (!hasOwn(bigPrototype, "toJSON") && isExtensible(bigPrototype)) {
      const toJSON = function () {
        marks = true;
        return mark + text(this);
      };
      define(bigPrototype, "toJSON", { value: toJSON, configurable: true });
    }
    const encoded = stringify(value);
    return { encoded, marks };
  }
  return { revive, encode };
});
