const empty = (value) => value === null || value === undefined || value === "" || value === 0
  || value === false || (typeof value === "object" && Object.keys(value).length === 0)
const contains = (value, part) => !empty(value) && value.includes(part)
const lacks = (value, part) => empty(value) || !value.includes(part)
const startsWith = (value, part) => !empty(value) && value.startsWith(part)
const endsWith = (value, part) => !empty(value) && value.endsWith(part)
const same = (value, other) =>
  value === (typeof value === "boolean" ? String(other).toLowerCase() === "true" : other)
const is = (value, other) => value != null && same(value, other)
const isNot = (value, other) => value != null && !same(value, other)
const filled = (value) => !empty(value)
const equals = (value, other) => value != null && Number(value) === Number(other)
const differs = (value, other) => value != null && Number(value) !== Number(other)
const above = (value, other) => value != null && Number(value) > Number(other)
const below = (value, other) => value != null && Number(value) < Number(other)
const atLeast = (value, other) => value != null && Number(value) >= Number(other)
const atMost = (value, other) => value != null && Number(value) <= Number(other)
const missing = (value) => value === null || value === undefined
const present = (value) => value !== null && value !== undefined
const isIn = (value, list) => !empty(value) && list.includes(value)
const isNotIn = (value, list) => empty(value) || !list.includes(value)
const hasAll = (value, list) => !empty(value) && list.every((item) => value.includes(item))
const mediaType = (type) =>
  ["image", "audio", "video"].find((kind) => type.startsWith(kind + "/")) ?? "document"
const fileField = (file, key) => file == null ? null : ({
  name: file.name, size: file.size, mime_type: file.type, url: file.url,
  extension: "." + String(file.name ?? "").split(".").pop(),
  transfer_method: "local_file", type: mediaType(String(file.type ?? "")),
})[key]
