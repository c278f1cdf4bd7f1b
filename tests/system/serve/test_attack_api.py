import json, socket, unicodedata, os, time, threading
import httpx, pytest
from tests.system.serve.harness import *
from tests.system.serve.test_scopes import claim
from tests.system.harness import SECRET

def R(*a): print("RESULT", *a)

def test_scopes(service, root, place, user):
    mine = root.stakeholder("mine_a"); other = root.stakeholder("other_b"); strange = []
    for n in ['mine_a (claims)', 'mine_a (x', 'MINE_A', '"mine_a"', 'mine_a ', ' mine_a', 'mine_a\u200b', 'mіne_a', 'ﬁne', 'mine_a\n', "mine_a'; select", 'mine_a"x', 'x' * 64, 'x' * 63, '', 'ＭINE_A', 'straße', 'İ']:
        a = root.send("POST", "/stakeholders", {"stakeholder": {"name": n}})
        R("create", repr(n), a.status_code, a.text[:110])
        if a.status_code == 201: strange.append(a.json()["data"])
    with place.stakeholder_session(**other["credentials"]) as s:
        s.run("CREATE TABLE other_b.secret (id bigint primary key, pw text)")
    root.data("PUT", f"/stakeholders/{other['id']}/claims", claim("other_b.secret", "public.orders"))
    root.data("PUT", f"/stakeholders/{other['id']}/notifications", {"data": {"match": [{"path": "public.orders"}], "channels": [{"type": "WEBHOOK", "url": "https://u:pw@x.example/TOKEN", "secret": SECRET}]}})
    one = user({"stakeholders": ["mine_a"]})
    me = one.data("GET", "/users")[0]
    # paths
    o = other["id"]; m = mine["id"]
    for p in [f"/stakeholders/{o}", f"/stakeholders/%3{o}" if o < 10 else f"/stakeholders/0{o}", f"/stakeholders/0{o}", f"/stakeholders/{o}.0", f"/stakeholders/{m}/../{o}", f"/stakeholders/{m}%2F..%2F{o}/claims", f"/stakeholders/{m}/..%2f{o}", f"/stakeholders/{o}/", f"/stakeholders//{o}", f"/stakeholders/{o}%00", f"/stakeholders/{o};x", f"/stakeholders/{o}?id={m}", f"/stakeholders/{m}?id={o}", f"/stakeholders/{m}?stakeholder=other_b", f"/stakeholders/other_b", f"/stakeholders/-1", f"/stakeholders/{2**63}", f"/stakeholders/٣", "/stakeholders?after=0&names=other_b&limit=1000", "/stakeholders?limit=1000&limit=1", "/stakeholders?after=-1", "/stakeholders?limit=0", "/stakeholders?limit=1e3", "/stakeholders?limit=99999999999999999999", "/dependents?path=other_b.secret", "/dependents?path=public.orders", "/dependents?path=other_b.*", "/dependents?path=OTHER_B.SECRET", "/dependents?path=other_b.secre", "/dependents?path=public.orders&field=nofield", "/dependents?path=%22other_b%22.%22secret%22&field=pw", "/dependents?path=public.orders&path=other_b.secret", "/dependents?path=a%00b.c", "/dependents?path=%FF.%FE", "/unmet-claims", "/status", "/ddl-events", "/users", "/users/1", f"/users/{me['id']}", "/users?after=0&limit=1000"]:
        for method in ("GET", "HEAD", "DELETE"):
            if method != "GET" and ("dependents" in p or f"/{m}" in p or "users" in p): continue
            a = one.send(method, p)
            leak = [w for w in ("other_b", "TOKEN", "secret") if w in a.text and w not in p]
            R(method, p, a.status_code, a.text[:150] if a.status_code not in (404,) else "", "LEAK" if leak else "")
    # users
    for b in [{"scopes": None}, {"scopes": {}}, {"username": "root2"}, {"password": "new password 1", "old_password": "a good password", "scopes": None}, {"root": True}, {"password": "new password 1", "old_password": "wrong one!"}, {}]:
        for env in ("user", "data"):
            a = one.send("PUT", f"/users/{me['id']}", {env: b}); R("PUT self", env, b, a.status_code, a.text[:120])
    for b in [{"password": "hacked hacked"}, {"scopes": None}]:
        a = one.send("PUT", "/users/1", {"user": b}); R("PUT root", a.status_code)
    a = one.send("POST", "/users", {"user": {"username": "evil", "password": "12345678"}}); R("POST users", a.status_code, a.text[:100])
    a = one.send("DELETE", "/users/1"); R("DELETE root", a.status_code)
    a = one.send("POST", "/preview", {"data": "SELECT 1"}); R("preview", a.status_code)
    a = one.send("POST", "/sync"); R("sync", a.status_code)
    # rename
    for n in ["other_b", "OTHER_B", '"mine_a"', 'Mine_A', 'mine_a ', 'mine_a\u0000', 'mine_a\ud800']:
        a = one.send("PUT", f"/stakeholders/{m}", {"stakeholder": {"name": n}}); R("rename", repr(n), a.status_code, a.text[:140])
    # claims reaching others
    for path in ["other_b.secret", '"other_b".secret', "OTHER_B.secret", 'U&"other\\005fb".secret', "other_b.*", "*.*", "*", "%", "other_b . secret", "public.orders", "integratedb.api_user", "pg_catalog.pg_authid", "information_schema.tables", "mine_b.t", "other_c.t", "pg_temp.x", "\u212bx.y"]:
        for kind in ("claims", "notifications"):
            a = one.send("PUT", f"/stakeholders/{m}/{kind}", {"data": {"match": [{"path": path, "optional": True}]}}); R("claim", kind, repr(path), a.status_code, a.text[:200])
    for doc in [{"match": [{"path": "public.orders"}], "channels": [{"type": "WEBHOOK", "url": "env:INTEGRATEDB_SECRET_OTHER_B_URL", "secret": SECRET}]},
                {"match": [{"path": "public.orders"}], "channels": [{"type": "WEBHOOK", "url": "https://x.example/\r\nX: y", "secret": SECRET}]},
                {"match": [{"alternatives": [{"path": "public.orders"}, {"alternatives": [{"path": "other_b.secret"}]}]}]},
                {"match": [{"path": "public.orders", "fields": [{"alternatives": ["id", "other_b.secret"]}]}]},
                {"match": [], "stakeholder": "other_b"}, {"match": [], "type": "NOTIFICATIONS", "name": "other_b"}]:
        for kind in ("claims", "notifications"):
            a = one.send("PUT", f"/stakeholders/{m}/{kind}", {"data": doc}); R("doc", kind, str(doc)[:80], a.status_code, a.text[:200])
    # IDB01 attribution with hostile names
    two = user({"stakeholders": ["mine_a", "mine_z"]})
    with place.stakeholder_session(**mine["credentials"]) as s:
        s.run('CREATE TABLE mine_a.shared (id bigint primary key, "mine_a (claims): other" text)')
    for s_ in [other, *strange]:
        a = root.send("PUT", f"/stakeholders/{s_['id']}/claims", {"data": {"match": [{"path": "mine_a.shared", "fields": ["*"]}]}}); R("claim shared", repr(s_["name"]), a.status_code)
    a = two.send("PUT", f"/stakeholders/{m}", {"stakeholder": {"name": "mine_z"}}); R("IDB01", a.status_code, a.text)
    a = one.send("GET", "/dependents?path=mine_a.shared"); R("dep", a.text)
    a = one.send("GET", f"/stakeholders/{m}/access"); R("access", a.status_code, a.text[:300])
    a = one.send("DELETE", f"/stakeholders/{m}"); R("delete mine", a.status_code, a.text)
    a = one.send("GET", "/stakeholders"); R("list", a.text[:200])
    place.superuser.run("DROP SCHEMA IF EXISTS mine_a CASCADE")

def test_raw(service, root, user):
    one = user({"stakeholders": []})
    t = f"Authorization: Bearer {one.token}"
    H = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    B = b'{"data":{"username":"x","password":"y"}}'
    def send(data, wait=3):
        s = socket.create_connection(("127.0.0.1", service.port), 5); s.settimeout(wait)
        s.sendall(data); out = b""
        try:
            while True:
                p = s.recv(65536)
                if not p: break
                out += p
        except OSError as e: out += f" <{type(e).__name__}>".encode()
        s.close()
        heads = [l for l in out.split(b"\r\n") if l.startswith(b"HTTP/1.1")]
        return heads, out[-60:]
    L = len(B)
    smug = b"GET /api/v1/users HTTP/1.1\r\nHost: x\r\n" + t.encode() + b"\r\nConnection: close\r\n\r\n"
    cases = {
      "plain": f"Content-Length: {L}\r\nConnection: close\r\n\r\n".encode() + B,
      "CL twice same": f"Content-Length: {L}\r\nContent-Length: {L}\r\n\r\n".encode() + B + smug,
      "CL twice differ": f"Content-Length: {L}\r\nContent-Length: 0\r\n\r\n".encode() + B + smug,
      "CL list": f"Content-Length: {L}, {L}\r\n\r\n".encode() + B + smug,
      "CL plus": f"Content-Length: +{L}\r\n\r\n".encode() + B + smug,
      "CL hex": f"Content-Length: 0x10\r\n\r\n".encode() + B + smug,
      "CL neg": f"Content-Length: -1\r\n\r\n".encode() + B + smug,
      "CL huge": f"Content-Length: {10**30}\r\n\r\n".encode() + B,
      "CL underscore": f"Content-Length: {L//10}_{L%10}\r\n\r\n".encode() + B + smug,
      "CL+TE": f"Content-Length: {L}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode() + smug,
      "TE+CL": f"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n".encode() + smug,
      "TE twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smug,
      "TE list": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smug,
      "TE space": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smug,
      "TE vt": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + smug,
      "TE xchunked": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smug,
      "TE obsfold": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + smug,
      "chunk ext bad": b"Transfer-Encoding: chunked\r\n\r\n5;a=\n\r\nxxxxx\r\n0\r\n\r\n" + smug,
      "chunk neg": b"Transfer-Encoding: chunked\r\n\r\n-5\r\n\r\n" + smug,
      "chunk huge": b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nxx",
      "bare LF": f"Content-Length: {L}\n\n".encode() + B,
      "NUL header": b"X: a\0b\r\n\r\n",
      "CR header": b"X: a\rb\r\n\r\n",
      "space name": b"X Y: a\r\n\r\n",
      "hdr many": b"".join(b"A%d: b\r\n" % i for i in range(3000)) + b"\r\n",
      "ctype twice": f"Content-Type: text/plain\r\nContent-Length: {L}\r\nConnection: close\r\n\r\n".encode() + B,
      "cenc twice": f"Content-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: {L}\r\nConnection: close\r\n\r\n".encode() + B,
      "Expect": f"Expect: 100-continue\r\nContent-Length: {L}\r\nConnection: close\r\n\r\n".encode() + B,
      "Upgrade h2c": f"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\nContent-Length: {L}\r\n\r\n".encode() + B,
    }
    for k, v in cases.items():
        R("raw", k, *send(H.encode() + v, 1.5 if "huge" in k else 3))
    for line in [b"GET http://evil/api/v1/users HTTP/1.1", b"GET //evil/api/v1/users HTTP/1.1", b"GET /api/v1/../v1/users HTTP/1.1", b"GET /api/v1/users HTTP/0.9", b"GET /api/v1/users HTTP/2.0", b"PRI * HTTP/2.0", b"OPTIONS * HTTP/1.1", b"TRACE /api/v1/users HTTP/1.1", b"CONNECT x:1 HTTP/1.1", b"get /api/v1/users HTTP/1.1", b"G\x00T / HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET /api/v1/docs/..%2f..%2f..%2fetc/passwd HTTP/1.1", b"GET /api/v1/docs/%2e%2e/%2e%2e/__init__.py HTTP/1.1", b"GET /api/v1/users?x=%0d%0aX:y HTTP/1.1"]:
        R("line", line, *send(line + b"\r\nHost: x\r\n" + t.encode() + b"\r\nConnection: close\r\n\r\n"))
    R("auth twice", *send(b"GET /api/v1/users HTTP/1.1\r\nHost: x\r\n" + t.encode() + b"\r\n" + t.encode() + b"\r\nConnection: close\r\n\r\n"))
    R("host twice", *send(b"GET /api/v1/users HTTP/1.1\r\nHost: x\r\nHost: y\r\n" + t.encode() + b"\r\nConnection: close\r\n\r\n"))
    # tokens
    import base64
    def b64(d): return base64.urlsafe_b64encode(json.dumps(d).encode()).rstrip(b"=").decode()
    now = int(time.time())
    for h in ({"alg": "none"}, {"alg": "HS256", "kid": "../x"}, {"alg": "HS512"}, {"alg": "RS256"}, {"alg": "HS256", "crit": ["x"]}, {"alg": "HS256", "b64": False, "crit": ["b64"]}):
        for sub in ("1", 1, "01", "1 ", {"a": 1}, None, "9" * 4000):
            a = service.client(f"{b64(h)}.{b64({'sub': sub, 'iss': 'integratedb', 'aud': 'access', 'iat': now, 'exp': now + 999})}.").send("GET", "/users")
            if a.status_code != 401: R("TOKEN", h, sub, a.status_code)
    # bodies
    for name, body in {"deep": b"[" * 100000, "deepobj": b'{"data":' * 5000 + b"1" + b"}" * 5000, "bigint": b'{"data":{"match":' + b"9" * 5000 + b"}}", "bigfloat": b'{"data":{"match":[{"path":"a.b","min_length":1e999999}]}}', "dup": b'{"data":{"match":[]},"data":{"match":[{"path":"x.y"}]}}', "nan": b'{"data":{"match":[NaN, Infinity]}}', "utf16": '{"data":{"match":[]}}'.encode("utf-16"), "bom": b"\xef\xbb\xbf" + b'{"data":{"match":[]}}', "surr": b'{"data":{"match":[{"path":"\\ud800.x"}]}}', "nul": b'{"data":{"match":[{"path":"a\\u0000.x"}]}}', "manykeys": ('{"data":{' + ",".join(f'"k{i}":1' for i in range(100000)) + "}}").encode(), "5MB string": b'{"data":{"match":"' + b"x" * 5000000 + b'"}}', "esc": b'{"data":{"match":["' + b"\\u0041" * 800000 + b'"]}}', "quotes": b'{"data":{"match":[' + b'"",' * 299990 + b'""]}}'}.items():
        s_ = root.data("GET", "/stakeholders") or [root.stakeholder("body_x")]
        t0 = time.monotonic()
        a = root.send("PUT", f"/stakeholders/{s_[0]['id']}/claims", content=body, headers={"Content-Type": "application/json"})
        R("body", name, a.status_code, a.text[:100], round(time.monotonic() - t0, 2), "mem", int(service.resident_mb()))
    R("log", [l for l in service.logs() if l.get("level") == "error"][:5])
