# What Python's own modules give here, too.
r = _random
assert 0 <= r.random() < 1 and r.randint(3, 3) == 3 and r.choices(["a"], k=2) == ["a", "a"]
assert sorted(r.sample(range(4), 4)) == [0, 1, 2, 3]
assert max([r.randrange(5) for _ in range(200)]) == 4
assert [r.uniform(2, 2), r.choice("a"), r.choices([1, 2], weights=[0, 1])] == [2, "a", [2]]
one = _uuid.uuid4()
assert str(one) == "01234567-89ab-4def-8123-456789abcdef" and str(one) != str(_uuid.uuid4())
assert len(_string.punctuation) == 32 and _string.ascii_letters[26] == "A"
a = {"x": [1, {"y": (2, 3)}]}
b = _copy.deepcopy(a)
b["x"][1]["y"] = 4
assert a["x"][1]["y"] == (2, 3) and _copy.copy([1]) == [1]
assert _html.escape("<a href='x'>&") == "&lt;a href=&#x27;x&#x27;&gt;&amp;"
assert _html.unescape("&lt;&#39;&#x4e2d;&unknown;&amp;lt;") == "<'中&unknown;&lt;"
p = _urllib.parse
assert p.quote("a b/中&") == "a%20b/%E4%B8%AD%26" and p.quote("a/b", safe="") == "a%2Fb"
assert p.quote_plus("a b&c") == "a+b%26c" and p.unquote("a%20%E4%B8%AD%zz%") == "a 中%zz%"
assert p.urlencode({"q": "a b", "n": 1}) == "q=a+b&n=1"
assert p.urlencode([("a", [1, 2])], doseq=True) == "a=1&a=2"
q = p.urlparse("HTTPS://u@Ex.com:80/p/a?x=1&y=%20#f")
assert [q.scheme, q.netloc, q.path, q.query] == ["https", "u@Ex.com:80", "/p/a", "x=1&y=%20"]
assert [q.hostname, q.port, q.geturl()] == ["ex.com", 80, "https://u@Ex.com:80/p/a?x=1&y=%20#f"]
assert p.parse_qs(q.query) == {"x": ["1"], "y": [" "]}
o = _os.path
assert [o.basename("/a/b.txt"), o.dirname("/a/b.txt")] == ["b.txt", "/a"]
assert o.splitext("/a.b/.c") == ("/a.b/.c", "") and o.splitext("x.tar.gz") == ("x.tar", ".gz")
assert o.join("a", "b", "/c", "d") == "/c/d"
rows = list(_csv.reader(_io.StringIO('a,"b ""q"", c"\n\n1,2\r\n')))
assert rows == [["a", 'b "q", c'], [], ["1", "2"]]
rows = list(_csv.DictReader("x,y\n1,2\n3".splitlines()))
assert rows == [{"x": "1", "y": "2"}, {"x": "3", "y": None}]
f = _io.StringIO()
_csv.writer(f).writerow(["a,b", 'c"', None, 1])
d = _csv.DictWriter(f, fieldnames=["k", "v"])
d.writeheader()
d.writerows([{"k": 1, "v": "x\ny"}])
assert f.getvalue() == '"a,b","c""",,1\r\nk,v\r\n1,"x\ny"\r\n'
value = _ast.literal_eval("{'a': [1, -2.5, None, (True,)], \"b\": 'x\\n\\u4e2d\\'',}")
assert value == {"a": [1, -2.5, None, (True,)], "b": "x\n中'"}
assert _ast.literal_eval("(1)") == 1
refused = False
try:
    _ast.literal_eval("import os")
except ValueError:
    refused = True
assert refused
assert _fromtimestamp(86400.5).isoformat() == "1970-01-02T00:00:00.500000"
assert _sub(r"(\d+)", lambda m: str(int(m.group(1)) + 1), "a1b22") == "a2b23"
assert _sub("a", "b", "aa", count=1) == "ba" and _sub("A", lambda m: "x", "aAa", flags=_re.I) == "xxx"
assert [_isprintable(c) for c in ["a", "\n", "中 ", "\u00a0", "", "é"]] == [
    True, False, True, False, True, True]
