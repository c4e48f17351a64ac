const methods = (type, own) => Object.entries(own).forEach(([name, value]) => {
  if (!(name in type.prototype)) Object.defineProperty(type.prototype, name, { value, enumerable: false });
});
methods(String, {
  toDateTime() { return DateTime.fromISO(String(this)) },
  isEmpty() { return this.length === 0 },
  isNotEmpty() { return this.length > 0 },
  toJsonString() { return JSON.stringify(String(this)) },
  parseJson() { return JSON.parse(this) },
  removeMarkdown() { return this.replace(/[*_~`#]+/g, '').replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1') },
  removeTags() { return this.replace(/\x3c[^>]*>/g, '') },
  extractDomain() { return /^(?:https?:\/\/)?(?:[^@\/]*@)?([^\/:?#]+)/.exec(this)?.[1] },
  extractEmail() { return /[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>".,]+/.exec(this)?.[0] },
  extractUrl() { return /https?:\/\/[^\s<>"]+/.exec(this)?.[0] },
  urlEncode() { return encodeURIComponent(this) },
  urlDecode() { return decodeURIComponent(this) },
  toNumber() { return Number(this) },
  toInt() { return parseInt(this, 10) },
  toFloat() { return parseFloat(this) },
  toBoolean() { return !['', 'false', '0', 'no'].includes(this.toLowerCase()) },
  toTitleCase() { return this.replace(/\S+/g, w => w[0].toUpperCase() + w.slice(1).toLowerCase()) },
  toSentenceCase() { return this.charAt(0).toUpperCase() + this.slice(1).toLowerCase() },
  toSnakeCase() { return this.trim().toLowerCase().replace(/[\s-]+/g, '_') },
});
methods(Array, {
  isEmpty() { return this.length === 0 },
  isNotEmpty() { return this.length > 0 },
  toJsonString() { return JSON.stringify(this) },
  first() { return this[0] },
  last() { return this.at(-1) },
  sum() { return this.reduce((a, b) => a + Number(b), 0) },
  compact() { return this.filter(x => x !== null && x !== undefined && x !== '') },
  unique() { return [...new Map(this.map(x => [JSON.stringify(x), x])).values()] },
  removeDuplicates() { return this.unique() },
});
methods(Number, {
  round(n = 0) { return Math.round(this * 10 ** n) / 10 ** n },
  toDateTime() { return DateTime.fromMillis(Number(this)) },
  format() { return String(this) },
  toInt() { return Math.trunc(this) },
  toNumber() { return Number(this) },
  isEmpty() { return false },
});
methods(Object, {
  isEmpty() { return Object.keys(this).length === 0 },
  isNotEmpty() { return Object.keys(this).length > 0 },
  toJsonString() { return JSON.stringify(this) },
});
