#: time: time time_ns sleep perf_counter monotonic strftime
from datetime import datetime as _now


class _Time:
    def time(self):
        return _now.now().timestamp()

    def time_ns(self):
        return int(self.time() * 1000) * 1000000

    def perf_counter(self):
        return self.time()

    def monotonic(self):
        return self.time()

    def sleep(self, seconds):
        return None

    def strftime(self, form):
        return _now.now().strftime(form)


_time = _Time()

#: random: random uniform randint randrange choice choices sample shuffle seed
class _Random:
    def __init__(self, state):
        self.state = state

    def seed(self, value=None):
        if value is not None:
            self.state = abs(hash(str(value))) or 1

    def bits(self):
        state = self.state
        state ^= (state << 13) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 7
        state ^= (state << 17) & 0xFFFFFFFFFFFFFFFF
        self.state = state
        return state

    def random(self):
        return (self.bits() >> 11) / 9007199254740992

    def uniform(self, low, high):
        return low + (high - low) * self.random()

    def randrange(self, start, stop=None, step=1):
        if stop is None:
            start, stop = 0, start
        values = range(start, stop, step)
        if len(values) == 0:
            raise ValueError("empty range for randrange()")
        return values[int(self.random() * len(values))]

    def randint(self, low, high):
        return self.randrange(low, high + 1)

    def choice(self, items):
        if len(items) == 0:
            raise IndexError("Cannot choose from an empty sequence")
        return items[int(self.random() * len(items))]

    def choices(self, items, weights=None, k=1):
        if weights is None:
            return [self.choice(items) for _ in range(k)]
        chosen = []
        for _ in range(k):
            left = self.random() * sum(weights)
            at = 0
            while at < len(items) - 1 and left >= weights[at]:
                left -= weights[at]
                at += 1
            chosen.append(items[at])
        return chosen

    def shuffle(self, items):
        for at in range(len(items) - 1, 0, -1):
            other = self.randrange(at + 1)
            one = items[at]
            items[at] = items[other]
            items[other] = one

    def sample(self, items, k):
        items = list(items)
        if k > len(items):
            raise ValueError("Sample larger than population or is negative")
        self.shuffle(items)
        return items[:k]


_random = _Random(int(SEED.replace("-", "")[:16], 16) or 1)

#: uuid: uuid4
class _Uuid4:
    def __init__(self, digits):
        self.hex = digits
        self.int = int(digits, 16)

    def __str__(self):
        h = self.hex
        return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]

    def __repr__(self):
        return "UUID('" + str(self) + "')"


class _Uuid:
    def __init__(self):
        self.given = SEED.replace("-", "")
        self.made = 0

    def uuid4(self):
        head = (int(self.given[:12], 16) + self.made) % (1 << 48)
        self.made += 1
        return _Uuid4(f"{head:012x}" + self.given[12:])


_uuid = _Uuid()

#: string: ascii_lowercase ascii_uppercase ascii_letters digits hexdigits punctuation whitespace
class _String:
    def __init__(self):
        self.ascii_lowercase = "abcdefghijklmnopqrstuvwxyz"
        self.ascii_uppercase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        self.ascii_letters = self.ascii_lowercase + self.ascii_uppercase
        self.digits = "0123456789"
        self.hexdigits = "0123456789abcdefABCDEF"
        self.punctuation = "!\"#$%&'()*+,-./:;" + chr(60) + "=>?@[\\]^_`" + chr(123) + "|}~"
        self.whitespace = " \t\n\r\v\f"


_string = _String()

#: copy: copy deepcopy
class _Copy:
    def copy(self, value):
        if isinstance(value, (list, dict, set)):
            return value.copy()
        return value

    def deepcopy(self, value):
        if isinstance(value, list):
            return [self.deepcopy(one) for one in value]
        if isinstance(value, tuple):
            return tuple([self.deepcopy(one) for one in value])
        if isinstance(value, dict):
            return {self.deepcopy(key): self.deepcopy(one) for key, one in value.items()}
        return self.copy(value)


_copy = _Copy()

#: html: escape unescape
import re as _html_re


class _Html:
    def escape(self, text, quote=True):
        text = text.replace("&", "&amp;").replace(chr(60), "&lt;").replace(">", "&gt;")
        return text.replace('"', "&quot;").replace("'", "&#x27;") if quote else text

    def unescape(self, text):
        names = {"amp": "&", "lt": chr(60), "gt": ">", "quot": '"', "apos": "'", "nbsp": "\u00a0",
                 "copy": "\u00a9", "reg": "\u00ae", "hellip": "\u2026", "mdash": "\u2014",
                 "ndash": "\u2013", "lsquo": "\u2018", "rsquo": "\u2019", "ldquo": "\u201c",
                 "rdquo": "\u201d", "middot": "\u00b7", "bull": "\u2022", "times": "\u00d7"}
        made, at = [], 0
        for found in _html_re.finditer("&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-z]{2,6});", text):
            name = found.group(1)
            if name[0] != "#":
                value = names.get(name, found.group(0))
            else:
                value = chr(int(name[2:], 16) if name[1] in "xX" else int(name[1:]))
            made.append(text[at:found.start()] + value)
            at = found.end()
        return "".join(made) + text[at:]


_html = _Html()

#: urllib.parse: quote quote_plus unquote unquote_plus urlencode urlparse urlsplit parse_qs parse_qsl
class _Url:
    def __init__(self, scheme, netloc, path, query, fragment):
        self.scheme = scheme
        self.netloc = netloc
        self.path = path
        self.params = ""
        self.query = query
        self.fragment = fragment
        host = netloc.rpartition("@")[2]
        name, colon, port = host.rpartition(":")
        self.hostname = (name if colon and port.isdigit() else host).lower() or None
        self.port = int(port) if colon and port.isdigit() else None

    def geturl(self):
        url = self.scheme + ":" if self.scheme else ""
        url += "//" + self.netloc if self.netloc else ""
        return url + self.path + ("?" + self.query if self.query else "") + (
            "#" + self.fragment if self.fragment else "")


class _UrllibParse:
    def quote(self, text, safe="/"):
        plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~" + safe
        data = text if isinstance(text, bytes) else text.encode("utf-8")
        return "".join([chr(b) if chr(b) in plain else f"%{b:02X}" for b in data])

    def quote_plus(self, text, safe=""):
        return self.quote(text, safe + " ").replace(" ", "+")

    def unquote(self, text):
        made, digits, at = [], [], 0
        while at <= len(text):
            pair = text[at + 1:at + 3]
            is_byte = text[at:at + 1] == "%" and len(pair) == 2 and all(
                [c in "0123456789abcdefABCDEF" for c in pair])
            if is_byte:
                digits.append(pair)
                at += 3
                continue
            if digits:
                made.append(bytes.fromhex("".join(digits)).decode("utf-8", "replace"))
                digits = []
            made.append(text[at:at + 1])
            at += 1
        return "".join(made)

    def unquote_plus(self, text):
        return self.unquote(text.replace("+", " "))

    def urlencode(self, query, doseq=False):
        pairs = query.items() if isinstance(query, dict) else query
        made = []
        for name, value in pairs:
            many = value if doseq and isinstance(value, (list, tuple)) else [value]
            for one in many:
                made.append(self.quote_plus(str(name)) + "=" + self.quote_plus(str(one)))
        return "&".join(made)

    def urlsplit(self, url):
        rest, _, fragment = url.partition("#")
        rest, _, query = rest.partition("?")
        scheme, colon, after = rest.partition(":")
        is_word = all([c.isalnum() or c in "+-." for c in scheme])
        is_scheme = colon and scheme[:1].isalpha() and is_word
        scheme, rest = (scheme.lower(), after) if is_scheme else ("", rest)
        netloc, path = "", rest
        if rest.startswith("//"):
            netloc, slash, path = rest[2:].partition("/")
            path = slash + path
        return _Url(scheme, netloc, path, query, fragment)

    def urlparse(self, url):
        return self.urlsplit(url)

    def parse_qsl(self, query, keep_blank_values=False):
        made = []
        for part in query.split("&"):
            name, _, value = part.partition("=")
            if part and (value or keep_blank_values):
                made.append((self.unquote_plus(name), self.unquote_plus(value)))
        return made

    def parse_qs(self, query, keep_blank_values=False):
        made = {}
        for name, value in self.parse_qsl(query, keep_blank_values):
            made.setdefault(name, []).append(value)
        return made


class _Urllib:
    def __init__(self):
        self.parse = _UrllibParse()


_urllib = _Urllib()

#: os.path: basename dirname splitext join
class _OsPath:
    def basename(self, path):
        return path[path.rfind("/") + 1:]

    def dirname(self, path):
        head = path[:path.rfind("/") + 1]
        return head.rstrip("/") or head

    def splitext(self, path):
        name = self.basename(path)
        at = name.rfind(".")
        if at < 0 or not name[:at].strip("."):
            return (path, "")
        return (path[:len(path) - len(name) + at], name[at:])

    def join(self, first, *more):
        path = first
        for part in more:
            if part.startswith("/"):
                path = part
            else:
                path += part if not path or path.endswith("/") else "/" + part
        return path


class _Os:
    def __init__(self):
        self.path = _OsPath()


_os = _Os()

#: io: StringIO
class _StringIo:
    def __init__(self, text="", newline="\n"):
        self.parts = [text] if text else []

    def write(self, text):
        self.parts.append(text)
        return len(text)

    def getvalue(self):
        return "".join(self.parts)

    def read(self):
        return self.getvalue()

    def readlines(self):
        return self.getvalue().splitlines(True)

    def seek(self, at):
        return at

    def close(self):
        return None

    def __iter__(self):
        return iter(self.readlines())


class _Io:
    def StringIO(self, text="", newline="\n"):
        return _StringIo(text or "", newline)


_io = _Io()

#: csv: reader DictReader writer DictWriter QUOTE_MINIMAL
class _CsvWriter:
    def __init__(self, file, delimiter, lineterminator, fieldnames):
        self.file = file
        self.delimiter = delimiter
        self.lineterminator = lineterminator
        self.fieldnames = fieldnames

    def field(self, value):
        text = "" if value is None else str(value)
        if any([c in text for c in [self.delimiter, '"', "\n", "\r"]]):
            return '"' + text.replace('"', '""') + '"'
        return text

    def writeheader(self):
        self.row(self.fieldnames)

    def writerow(self, row):
        if self.fieldnames is not None:
            row = [row.get(name, "") for name in self.fieldnames]
        self.row(row)

    def row(self, values):
        line = self.delimiter.join([self.field(value) for value in values])
        self.file.write(line + self.lineterminator)

    def writerows(self, rows):
        for row in rows:
            self.writerow(row)


class _Csv:
    def __init__(self):
        self.QUOTE_MINIMAL = 0

    def reader(self, lines, delimiter=","):
        text = "".join([line if line.endswith("\n") else line + "\n" for line in lines])
        rows, row, field, quoted, at = [], [], "", False, 0
        while at < len(text):
            c = text[at]
            if quoted and c == '"' and text[at + 1:at + 2] == '"':
                field += '"'
                at += 1
            elif c == '"' and (quoted or field == ""):
                quoted = not quoted
            elif quoted:
                field += c
            elif c == delimiter:
                row.append(field)
                field = ""
            elif c == "\n":
                rows.append(row + [field] if row or field else [])
                row, field = [], ""
            elif c != "\r":
                field += c
            at += 1
        return iter(rows)

    def DictReader(self, lines, fieldnames=None, delimiter=","):
        rows = [row for row in self.reader(lines, delimiter) if row]
        if fieldnames is None:
            if not rows:
                return iter([])
            fieldnames, rows = rows[0], rows[1:]
        made = []
        for row in rows:
            values = row + [None] * (len(fieldnames) - len(row))
            made.append(dict(zip(fieldnames, values)))
        return iter(made)

    def writer(self, file, delimiter=",", lineterminator="\r\n", quoting=0):
        return _CsvWriter(file, delimiter, lineterminator, None)

    def DictWriter(self, file, fieldnames, delimiter=",", lineterminator="\r\n"):
        return _CsvWriter(file, delimiter, lineterminator, fieldnames)


_csv = _Csv()

#: logging: debug info warning error exception critical basicConfig getLogger INFO DEBUG ERROR
class _Logging:
    def __init__(self):
        self.DEBUG = 10
        self.INFO = 20
        self.WARNING = 30
        self.ERROR = 40

    def say(self, message, args):
        print(message, *args)

    def debug(self, message, *args):
        return None

    def info(self, message, *args):
        return None

    def warning(self, message, *args):
        self.say(message, args)

    def error(self, message, *args):
        self.say(message, args)

    def exception(self, message, *args):
        self.say(message, args)

    def critical(self, message, *args):
        self.say(message, args)

    def setLevel(self, level):
        return None

    def basicConfig(self, level=None, format=None):
        return None

    def getLogger(self, name=None):
        return self


_logging = _Logging()

#: ast: literal_eval
class _Ast:
    def literal_eval(self, text):
        self.text = text.strip()
        self.at = 0
        value = self.value()
        self.blank()
        if self.at < len(self.text):
            raise ValueError("malformed node or string")
        return value

    def blank(self):
        while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
            self.at += 1

    def begins(self, word):
        self.blank()
        if not self.text.startswith(word, self.at):
            return False
        self.at += len(word)
        return True

    def value(self):
        for word, value in [("None", None), ("True", True), ("False", False)]:
            if self.begins(word):
                return value
        if self.begins("["):
            return self.items("]")[0]
        if self.begins("("):
            items, has_comma = self.items(")")
            return tuple(items) if has_comma or not items else items[0]
        if self.begins(chr(123)):
            return self.pairs()
        if self.at < len(self.text) and self.text[self.at] in "'\"":
            return self.string()
        return self.number()

    def items(self, end):
        items, has_comma = [], False
        while not self.begins(end):
            items.append(self.value())
            if self.begins(","):
                has_comma = True
            elif not self.begins(end):
                raise ValueError("malformed node or string")
            else:
                break
        return items, has_comma

    def pairs(self):
        made, values = {}, []
        while not self.begins("}"):
            key = self.value()
            if self.begins(":"):
                made[key] = self.value()
            else:
                values.append(key)
            if not self.begins(","):
                if not self.begins("}"):
                    raise ValueError("malformed node or string")
                break
        return set(values) if values else made

    def string(self):
        quote = self.text[self.at]
        self.at += 1
        plain = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\n": ""}
        made = []
        while self.at < len(self.text):
            c = self.text[self.at]
            self.at += 1
            if c == quote:
                return "".join(made)
            if c == "\\" and self.at < len(self.text):
                c = self.text[self.at]
                self.at += 1
                length = {"x": 2, "u": 4, "U": 8}.get(c, 0)
                if length:
                    made.append(chr(int(self.text[self.at:self.at + length], 16)))
                    self.at += length
                elif c in plain or c in "\\'\"":
                    made.append(plain.get(c, c))
                else:
                    made.append("\\" + c)
            else:
                made.append(c)
        raise SyntaxError("unterminated string literal")

    def number(self):
        begin = self.at
        while self.at < len(self.text) and self.text[self.at] in "+-.0123456789eE_":
            self.at += 1
        written = self.text[begin:self.at]
        try:
            return int(written)
        except ValueError:
            return float(written)


_ast = _Ast()

#: +fromtimestamp
from datetime import datetime as _moment, timedelta as _span


def _fromtimestamp(seconds, tz=None):
    whole = int(seconds // 1)
    micros = int(round((seconds - whole) * 1000000))
    moment = _moment(1970, 1, 1) + _span(seconds=whole, microseconds=micros)
    if tz is None:
        return moment
    return (moment + (_moment.now(tz).replace(tzinfo=None) - _moment.now())).replace(tzinfo=tz)

#: +sub
import re as _re


def _sub(pattern, replacement, text, count=0, flags=0):
    if isinstance(replacement, str):
        return _re.sub(pattern, replacement, text, count=count, flags=flags)
    made, at, times = [], 0, 0
    for found in _re.finditer(pattern, text, flags):
        if count and times >= count:
            break
        made.append(text[at:found.start()] + replacement(found))
        at, times = found.end(), times + 1
    return "".join(made) + text[at:]

#: +isprintable
def _isprintable(text):
    for c in text:
        at = ord(c)
        if at < 32 or 127 <= at <= 160 or at == 173 or 8192 <= at <= 8207 or 8232 <= at <= 8239 or (
                at == 12288 or at == 65279 or 55296 <= at < 63744):
            return False
    return True
