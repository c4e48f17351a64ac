// What browsers and Node offer beyond the language. Evaluated when code first asks for a part of it.
(function (native, next) {
  "use strict";
  const { utf8, decodeBase64, decodeHex } = native;
  const { parseUrl, changeUrl, parseQuery, writeQuery } = native;

  const named = (name, message) => Object.assign(new Error(message), { name });
  // Text without lone halves of surrogate pairs.
  const text = (value) => `${value}`.toWellFormed();

  function bytesOf(value) {
    if (ArrayBuffer.isView(value)) {
      return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    }
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    throw new TypeError("expected an ArrayBuffer or a view of one");
  }

  // One character per byte.
  function latin1(bytes) {
    const parts = [];
    for (let at = 0; at < bytes.length; at += 4096) {
      parts.push(String.fromCharCode(...bytes.subarray(at, at + 4096)));
    }
    return parts.join("");
  }

  const decodeUtf8 = (bytes, fatal) => native.decodeUtf8(latin1(bytes), fatal);
  const base64 = (bytes, forUrls) => native.base64(latin1(bytes), forUrls);
  const hex = (bytes) => native.hex(latin1(bytes));
  const bytesOfLatin1 = (value) => Uint8Array.from(value, (character) => character.charCodeAt(0));

  class TextEncoder {
    get encoding() {
      return "utf-8";
    }
    encode(value = "") {
      return utf8(text(value));
    }
    encodeInto(value, target) {
      let read = 0, written = 0;
      for (const character of text(value)) {
        const bytes = utf8(character);
        if (written + bytes.length > target.length) break;
        target.set(bytes, written);
        read += character.length;
        written += bytes.length;
      }
      return { read, written };
    }
  }

  class TextDecoder {
    #fatal;
    #ignoreBOM;
    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      if (!/^\s*(utf-?8|unicode-1-1-utf-8)\s*$/i.test(label)) {
        throw new RangeError(`the encoding ${label} is not offered, only utf-8`);
      }
      this.#fatal = !!fatal;
      this.#ignoreBOM = !!ignoreBOM;
    }
    get encoding() {
      return "utf-8";
    }
    get fatal() {
      return this.#fatal;
    }
    get ignoreBOM() {
      return this.#ignoreBOM;
    }
    decode(bytes = new Uint8Array()) {
      const decoded = decodeUtf8(bytesOf(bytes), this.#fatal);
      if (decoded === undefined) throw new TypeError("the bytes are not utf-8");
      return decoded.startsWith("\ufeff") && !this.#ignoreBOM ? decoded.slice(1) : decoded;
    }
  }

  function pairsOf(init) {
    if (init === undefined || init === null) return [];
    if (typeof init !== "object") return parseQuery(text(init).replace(/^\?/, ""));
    if (typeof init[Symbol.iterator] !== "function") {
      return Object.entries(init).map(([name, value]) => [text(name), text(value)]);
    }
    return Array.from(init, (pair) => {
      const [name, value, ...more] = pair;
      if (value === undefined || more.length) throw new TypeError("a pair has two parts");
      return [text(name), text(value)];
    });
  }

  // Called with the query when it changes.
  let linked;

  class URLSearchParams {
    #pairs;
    #changed;
    constructor(init) {
      this.#changed = linked;
      linked = undefined;
      this.#pairs = pairsOf(init);
    }
    #set(pairs) {
      this.#pairs = pairs;
      if (this.#changed) this.#changed(`${this}`);
    }
    get size() {
      return this.#pairs.length;
    }
    append(name, value) {
      this.#pairs.push([text(name), text(value)]);
      this.#set(this.#pairs);
    }
    delete(name, value) {
      const is = ([known, given]) =>
        known === text(name) && (value === undefined || given === text(value));
      this.#set(this.#pairs.filter((pair) => !is(pair)));
    }
    get(name) {
      return this.getAll(name)[0] ?? null;
    }
    getAll(name) {
      return this.#pairs.filter(([known]) => known === text(name)).map(([, value]) => value);
    }
    has(name, value) {
      const values = this.getAll(name);
      return value === undefined ? values.length > 0 : values.includes(text(value));
    }
    set(name, value) {
      const first = this.#pairs.findIndex(([known]) => known === text(name));
      if (first < 0) return this.append(name, value);
      const rest = this.#pairs.filter(([known], at) => known !== text(name) || at === first);
      rest[first] = [text(name), text(value)];
      this.#set(rest);
    }
    sort() {
      const order = ([left], [right]) => (left < right ? -1 : left > right ? 1 : 0);
      this.#set([...this.#pairs].sort(order));
    }
    forEach(callback, self) {
      for (const [name, value] of this.#pairs) callback.call(self, value, name, this);
    }
    *entries() {
      for (const [name, value] of this.#pairs) yield [name, value];
    }
    *keys() {
      for (const [name] of this.#pairs) yield name;
    }
    *values() {
      for (const [, value] of this.#pairs) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toString() {
      return writeQuery(this.#pairs);
    }
  }

  const PARTS = ["protocol", "username", "password", "host", "hostname", "port", "pathname"];
  const ALL_PARTS = ["href", "origin", ...PARTS, "search", "hash"];

  class URL {
    #parts;
    #query;
    constructor(url, base) {
      const parts = parseUrl(text(url), base === undefined ? undefined : text(base));
      if (!parts) throw new TypeError(`not a URL: ${text(url).slice(0, 200)}`);
      this.#parts = parts;
    }
    static parse(url, base) {
      return URL.canParse(url, base) ? new URL(url, base) : null;
    }
    static canParse(url, base) {
      return !!parseUrl(text(url), base === undefined ? undefined : text(base));
    }
    static part(url, name, change) {
      if (change !== undefined) {
        const parts = changeUrl(url.#parts.href, name, change);
        if (!parts) throw new TypeError(`not a URL: ${change.slice(0, 200)}`);
        url.#parts = parts;
        url.#query = undefined;
      }
      return url.#parts[name];
    }
    get searchParams() {
      if (!this.#query) {
        linked = (query) => {
          this.#parts = changeUrl(this.#parts.href, "search", query);
        };
        this.#query = new URLSearchParams(this.#parts.search);
      }
      return this.#query;
    }
    toString() {
      return this.#parts.href;
    }
    toJSON() {
      return this.#parts.href;
    }
  }
  const part = URL.part;
  delete URL.part;
  for (const name of ALL_PARTS) {
    const property = { configurable: true, enumerable: true };
    property.get = function () {
      return part(this, name);
    };
    if (name !== "origin") {
      property.set = function (value) {
        part(this, name, text(value));
      };
    }
    Object.defineProperty(URL.prototype, name, property);
  }

  const encodings = {
    utf8: [utf8, (bytes) => decodeUtf8(bytes, false)],
    hex: [decodeHex, hex],
    base64: [decodeBase64, (bytes) => base64(bytes, false)],
    base64url: [decodeBase64, (bytes) => base64(bytes, true)],
    latin1: [bytesOfLatin1, latin1],
    ascii: [bytesOfLatin1, (bytes) => latin1(bytes.map((byte) => byte & 127))],
  };
  encodings["utf-8"] = encodings.utf8;
  encodings.binary = encodings.latin1;

  function encoding(name = "utf8") {
    const known = `${name}`.toLowerCase();
    if (!Object.hasOwn(encodings, known)) throw new TypeError(`unknown encoding: ${name}`);
    return encodings[known];
  }

  class Buffer extends Uint8Array {
    static from(value, how, length) {
      if (typeof value === "string") return Buffer.#of(encoding(how)[0](text(value)));
      if (value instanceof ArrayBuffer) return new Buffer(value, how, length);
      if (value?.type === "Buffer" && Array.isArray(value.data)) return Buffer.from(value.data);
      if (value === null || typeof value !== "object") {
        throw new TypeError("Buffer.from takes text, an array, or bytes");
      }
      return Buffer.#of(Uint8Array.from(value));
    }
    static #of(bytes) {
      return new Buffer(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    static alloc(length, fill = 0) {
      return new Buffer(length).fill(fill);
    }
    static concat(list) {
      const all = new Buffer(list.reduce((length, bytes) => length + bytes.length, 0));
      let at = 0;
      for (const bytes of list) {
        all.set(bytes, at);
        at += bytes.length;
      }
      return all;
    }
    static byteLength(value, how) {
      return typeof value === "string" ? Buffer.from(value, how).length : value.byteLength;
    }
    static isBuffer(value) {
      return value instanceof Buffer;
    }
    static isEncoding(name) {
      return Object.hasOwn(encodings, `${name}`.toLowerCase());
    }
    equals(other) {
      return this.length === other.length && this.every((byte, at) => byte === other[at]);
    }
    toString(how, start = 0, end = this.length) {
      return encoding(how)[1](bytesOf(this).subarray(start, end));
    }
    toJSON() {
      return { type: "Buffer", data: Array.from(this) };
    }
  }

  function btoa(value) {
    const written = `${value}`;
    if (/[^\0-\xff]/.test(written)) {
      throw named("InvalidCharacterError", "btoa takes characters up to U+00FF");
    }
    return base64(bytesOfLatin1(written), false);
  }

  function atob(value) {
    let written = `${value}`.replace(/[\t\n\f\r ]/g, "");
    if (written.length % 4 === 0) written = written.replace(/==?$/, "");
    if (written.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(written)) {
      throw named("InvalidCharacterError", "the text is not base64");
    }
    return latin1(decodeBase64(written));
  }

  const errors = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];

  function structuredClone(value) {
    const seen = new Map();
    const keep = (original, copy) => (seen.set(original, copy), copy);
    function clone(original) {
      if (typeof original === "function" || typeof original === "symbol") {
        throw named("DataCloneError", `a ${typeof original} cannot be cloned`);
      }
      if (typeof original !== "object" || original === null) return original;
      return seen.get(original) ?? cloneObject(original);
    }
    function cloneObject(original) {
      if (original instanceof Date) return keep(original, new Date(original.getTime()));
      if (original instanceof RegExp) {
        return keep(original, new RegExp(original.source, original.flags));
      }
      if (original instanceof ArrayBuffer) return keep(original, original.slice(0));
      if (ArrayBuffer.isView(original)) {
        const Kind = original instanceof Buffer ? Uint8Array : original.constructor;
        const buffer = clone(original.buffer);
        const length = original instanceof DataView ? original.byteLength : original.length;
        return keep(original, new Kind(buffer, original.byteOffset, length));
      }
      if (original instanceof Map) {
        const copy = keep(original, new Map());
        for (const [key, item] of original) copy.set(clone(key), clone(item));
        return copy;
      }
      if (original instanceof Set) {
        const copy = keep(original, new Set());
        for (const item of original) copy.add(clone(item));
        return copy;
      }
      if (original instanceof Error) {
        const Kind = errors.find((kind) => kind.name === original.name) ?? Error;
        const copy = keep(original, new Kind(original.message));
        if ("cause" in original) copy.cause = clone(original.cause);
        return copy;
      }
      for (const kind of [Promise, WeakMap, WeakSet]) {
        if (original instanceof kind) {
          throw named("DataCloneError", `a ${kind.name} cannot be cloned`);
        }
      }
      const copy = keep(original, Array.isArray(original) ? new Array(original.length) : {});
      for (const key of Object.keys(original)) {
        const property = { configurable: true, enumerable: true, writable: true };
        Object.defineProperty(copy, key, { ...property, value: clone(original[key]) });
      }
      return copy;
    }
    return clone(value);
  }

  const MAX_RANDOM_BYTES = 65536;

  function getRandomValues(array) {
    const isFloat = array instanceof Float32Array || array instanceof Float64Array;
    if (!ArrayBuffer.isView(array) || array instanceof DataView || isFloat) {
      throw named("TypeMismatchError", "getRandomValues takes an array of integers");
    }
    if (array.byteLength > MAX_RANDOM_BYTES) {
      throw named("QuotaExceededError", `at most ${MAX_RANDOM_BYTES} bytes at a time`);
    }
    const bytes = bytesOf(array);
    for (let at = 0; at < bytes.length; at++) bytes[at] = next() >>> 24;
    return array;
  }

  function randomUUID() {
    const bytes = getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  const crypto = { getRandomValues, randomUUID };
  return {
    Buffer, TextDecoder, TextEncoder, URL, URLSearchParams, atob, btoa, crypto, structuredClone,
  };
});
