const truthy = (v) => Array.isArray(v) ? v.length > 0
  : v && typeof v === "object" ? Object.keys(v).length > 0 : Boolean(v)
const text = (v) => v == null ? "" : v === true ? "True" : v === false ? "False"
  : typeof v === "object" ? JSON.stringify(v) : String(v)
const list = (v) => v == null ? []
  : Array.isArray(v) || typeof v === "string" ? [...v] : Object.keys(v)
const isSequence = (v) => Array.isArray(v) || typeof v === "string"
const get = (v, k) => v == null ? undefined
  : isSequence(v) ? (typeof k === "number" ? v.at(k) : undefined)
  : Object.hasOwn(Object(v), k) ? v[k] : undefined
const either = (a, b) => truthy(a) ? a : b
const both = (a, b) => truthy(a) ? b : a
const within = (v, l) => isSequence(l) ? l.includes(v) : l != null && Object.hasOwn(l, v)
const length = (v) => list(v).length
const join = (v, by = "") => list(v).map(text).join(by)
const fallback = (v, other = "", all = false) =>
  v === undefined || v === null || (all && !truthy(v)) ? other : v
const tojson = (v) => JSON.stringify(v ?? null)
const upper = (v) => text(v).toUpperCase()
const lower = (v) => text(v).toLowerCase()
const trim = (v) => text(v).trim()
const capitalize = (v) => upper(text(v).charAt(0)) + lower(text(v).slice(1))
const replace = (v, a, b) => text(v).replaceAll(a, b)
const first = (v) => list(v)[0]
const last = (v) => list(v).at(-1)
const whole = (v) => Math.trunc(Number(v)) || 0
const float = (v) => Number(v) || 0
const round = (v, places = 0) => Math.round(Number(v) * 10 ** places) / 10 ** places
const split = (v, by) => by === undefined ? text(v).trim().split(/\s+/) : text(v).split(by)
const items = (v) => Object.entries(v ?? {})
const keys = (v) => Object.keys(v ?? {})
const values = (v) => Object.values(v ?? {})
const reverse = (v) =>
  typeof v === "string" ? [...v].reverse().join("") : list(v).reverse()
const numbers = (a, b, by = 1) => {
  const [from, to] = b === undefined ? [0, a] : [a, b]
  const count = Math.max(0, Math.ceil((to - from) / by))
  if (!(count <= 100000)) throw new Error("the range is too long")
  return Array.from({ length: count }, (_, n) => from + n * by)
}
