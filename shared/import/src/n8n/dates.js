class DateTime {
  constructor(ms) { this.ts = ms; this.d = new Date(ms); }
  static now() { return new DateTime(Date.now()) }
  static local() { return DateTime.now() }
  static utc() { return DateTime.now() }
  static fromISO(s) { return new DateTime(Date.parse(/[zZ]|[+-]\d\d:?\d\d$|^\d{4}-\d\d-\d\d$/.test(s) ? s : s + 'Z')) }
  static fromMillis(n) { return new DateTime(Number(n)) }
  static fromSeconds(n) { return new DateTime(Number(n) * 1000) }
  static fromJSDate(d) { return new DateTime(d.getTime()) }
  static fromObject(o) { return new DateTime(Date.UTC(o.year, (o.month ?? 1) - 1, o.day ?? 1, o.hour ?? 0, o.minute ?? 0, o.second ?? 0)) }
  static fromFormat(s, f) {
    const at = {};
    const names = [];
    const p = f.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/yyyy|MM|dd|HH|mm|ss|M|d|H/g, t => { names.push(t[0]); return t.length === 4 ? '(\\d{4})' : '(\\d{1,2})' });
    const m = new RegExp('^' + p).exec(s);
    if (!m) return new DateTime(NaN);
    names.forEach((n, i) => { at[n] = Number(m[i + 1]) });
    return new DateTime(Date.UTC(at.y ?? 1970, (at.M ?? 1) - 1, at.d ?? 1, at.H ?? 0, at.m ?? 0, at.s ?? 0));
  }
  get isValid() { return !Number.isNaN(this.ts) }
  get year() { return this.d.getUTCFullYear() }
  get month() { return this.d.getUTCMonth() + 1 }
  get day() { return this.d.getUTCDate() }
  get hour() { return this.d.getUTCHours() }
  get minute() { return this.d.getUTCMinutes() }
  get second() { return this.d.getUTCSeconds() }
  get weekday() { return this.d.getUTCDay() || 7 }
  get weekdayLong() { return DateTime.days[this.weekday - 1] }
  get monthLong() { return DateTime.months[this.month - 1] }
  get weekNumber() { const t = new DateTime(this.ts).plus({ days: 4 - this.weekday }); return Math.ceil(((t.ts - Date.UTC(t.year, 0, 1)) / 864e5 + 1) / 7) }
  plus(a, unit) { return this.moved(a, unit, 1) }
  minus(a, unit) { return this.moved(a, unit, -1) }
  moved(a, unit, sign) {
    const by = typeof a === 'object' ? a : unit ? { [unit]: a } : { milliseconds: a };
    const d = new Date(this.ts);
    for (const [name, n] of Object.entries(by)) {
      const x = sign * Number(n), u = name.toLowerCase().replace(/s$/, '');
      if (u === 'year' || u === 'month' || u === 'quarter') {
        const day = d.getUTCDate();
        d.setUTCDate(1);
        d.setUTCMonth(d.getUTCMonth() + x * ({ year: 12, quarter: 3 }[u] ?? 1));
        d.setUTCDate(Math.min(day, new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 0)).getUTCDate()));
      } else d.setTime(d.getTime() + x * (DateTime.units[u] ?? 0));
    }
    return new DateTime(d.getTime());
  }
  startOf(unit) {
    const { year: y, month: m, day: d, hour: h, minute: i } = this;
    const u = unit.replace(/s$/, '');
    if (u === 'week') return new DateTime(Date.UTC(y, m - 1, d - this.weekday + 1));
    const at = { year: [y, 0], quarter: [y, Math.floor((m - 1) / 3) * 3], month: [y, m - 1], day: [y, m - 1, d], hour: [y, m - 1, d, h], minute: [y, m - 1, d, h, i] }[u];
    return new DateTime(at ? Date.UTC(...at) : Math.floor(this.ts / 1000) * 1000);
  }
  endOf(unit) { return new DateTime(this.startOf(unit).plus({ [unit.replace(/s$/, '') + 's']: 1 }).ts - 1) }
  set(o) { const c = { year: this.year, month: this.month, day: this.day, hour: this.hour, minute: this.minute, second: this.second, ...o }; return DateTime.fromObject(c) }
  setZone() { return this }
  setLocale() { return this }
  toUTC() { return this }
  toLocal() { return this }
  diff(other, unit) { const u = (Array.isArray(unit) ? unit[0] : unit ?? 'milliseconds'); const n = (this.ts - DateTime.of(other).ts) / (DateTime.units[u.replace(/s$/, '')] ?? 1); return { [u]: n, as: v => (n * (DateTime.units[u.replace(/s$/, '')] ?? 1)) / DateTime.units[v.replace(/s$/, '')], toObject: () => ({ [u]: n }) } }
  diffTo(other, unit) { const u = unit ?? 'days'; return this.diff(other, u)[u] }
  diffToNow(unit) { const u = unit ?? 'days'; return this.diff(DateTime.now(), u)[u] }
  static of(x) { return x instanceof DateTime ? x : typeof x === 'number' ? new DateTime(x) : x instanceof Date ? new DateTime(x.getTime()) : DateTime.fromISO(String(x)) }
  toISO() { return this.d.toISOString() }
  toISODate() { return this.toISO().slice(0, 10) }
  toISOTime() { return this.toISO().slice(11) }
  toJSON() { return this.toISO() }
  toString() { return this.toISO() }
  valueOf() { return this.ts }
  toMillis() { return this.ts }
  toSeconds() { return this.ts / 1000 }
  toUnixInteger() { return Math.floor(this.ts / 1000) }
  toJSDate() { return new Date(this.ts) }
  toDateTime() { return this }
  toLocaleString() { return this.toFormat('yyyy-MM-dd HH:mm') }
  extract(unit) { return this[unit ?? 'week'] ?? this.weekNumber }
  isBetween(a, b) { return this.ts > DateTime.of(a).ts && this.ts < DateTime.of(b).ts }
  format(f) { return this.toFormat(f) }
  toFormat(f) {
    const pad = (n, w = 2) => String(n).padStart(w, '0'), h = this.hour % 12 || 12;
    const t = {
      yyyy: pad(this.year, 4), yy: pad(this.year % 100), y: this.year, LLLL: this.monthLong, MMMM: this.monthLong, LLL: this.monthLong.slice(0, 3), MMM: this.monthLong.slice(0, 3),
      LL: pad(this.month), MM: pad(this.month), L: this.month, M: this.month, dd: pad(this.day), d: this.day, HH: pad(this.hour), H: this.hour, hh: pad(h), h,
      mm: pad(this.minute), m: this.minute, ss: pad(this.second), s: this.second, SSS: pad(this.ts % 1000, 3), a: this.hour < 12 ? 'AM' : 'PM',
      EEEE: this.weekdayLong, cccc: this.weekdayLong, EEE: this.weekdayLong.slice(0, 3), ccc: this.weekdayLong.slice(0, 3), E: this.weekday, W: this.weekNumber, ZZ: '+00:00', Z: '+0', z: 'UTC', X: Math.floor(this.ts / 1000), x: this.ts,
    };
    return f.replace(/'([^']*)'|y{4}|yy|y|L{1,4}|M{1,4}|dd?|HH?|hh?|mm?|ss?|SSS|a|E{3,4}|E|c{3,4}|W|ZZ?|z|X|x/g, (m, q) => q ?? t[m] ?? m);
  }
}
DateTime.days = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
DateTime.months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
DateTime.units = { millisecond: 1, second: 1e3, minute: 6e4, hour: 36e5, day: 864e5, week: 6048e5, month: 2592e6, quarter: 7776e6, year: 31536e6 };
const $now = DateTime.now(), $today = $now.startOf('day');
