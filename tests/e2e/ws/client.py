"""A WebSocket client that shares nothing with the host: Debian's python3-websockets, and bare sockets for frames that no
client sends. Runs one rule: client.py RULE LOGIN_URL AGENT_URL FOLDER. Ends with 0 when it holds, else says what came."""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import subprocess
import sys
import time
from urllib.parse import urlsplit

import websockets

BOUND = 30  # seconds that anything may take
NO_CHECK = ssl.create_default_context()
NO_CHECK.check_hostname = False
NO_CHECK.verify_mode = ssl.CERT_NONE


def message_id(name):
    number = 0
    for byte in name.encode():
        number = (number + (number << 5) + byte + (byte << 7)) & 0xFFFF
    return number


ECHO_REQ, ECHO_ACK = message_id("protoEchoREQ"), message_id("protoEchoACK")
LOGIN_REQ, LOGIN_ACK = message_id("protoLoginREQ"), message_id("protoLoginACK")
VERIFY_REQ, VERIFY_ACK = message_id("protoVerifyREQ"), message_id("protoVerifyACK")
PING, NOTICE = message_id("protoPingACK"), message_id("protoNoticeACK")
MALFORMED, TOO_LARGE = 2, 3


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(body):
    """The fields of a message: number -> last value, texts as bytes."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = body[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(body):
        key = number()
        if key & 7 == 2:
            size = number()
            found[key >> 3] = body[at : at + size]
            at += size
        else:
            found[key >> 3] = number()
    return found


def message(number, body=b""):
    return struct.pack("<H", number) + body


def echo(text, padding=0):
    """A request to echo; padding is a field that it does not know."""
    return message(ECHO_REQ, field(1, text) + (field(15, b"x" * padding) if padding else b""))


# --- a bare socket ---


class Bare:
    def __init__(self, url, upgrade=True, headers="", timeout=BOUND):
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout)
        if parts.scheme == "wss":
            self.socket = NO_CHECK.wrap_socket(self.socket)
        self.authority = parts.netloc
        self.rest = b""
        if upgrade:
            status = self.request(self.upgrade_request(headers))
            assert status == 101, f"no upgrade: {status}"

    def upgrade_request(self, headers="", path="/", version="13"):
        return (
            f"GET {path} HTTP/1.1\r\nHost: {self.authority}\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
            f"Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        )

    def request(self, text):
        """Sends a request; its status. The header stands in self.header, what followed in self.rest."""
        self.socket.sendall(text.encode())
        while b"\r\n\r\n" not in self.rest:
            part = self.socket.recv(65536)
            if not part:
                return 0
            self.rest += part
        self.header, self.rest = self.rest.split(b"\r\n\r\n", 1)
        return int(self.header.split()[1])

    def body(self):
        """All until the end."""
        while True:
            part = self.socket.recv(65536)
            if not part:
                return self.rest
            self.rest += part

    def send(self, opcode, payload=b"", fin=True, mask=True, reserved=0, length=None):
        length = len(payload) if length is None else length
        out = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
        bit = 0x80 if mask else 0
        if length < 126:
            out += bytes([bit | length])
        elif length < 65536:
            out += bytes([bit | 126]) + struct.pack(">H", length)
        else:
            out += bytes([bit | 127]) + struct.pack(">Q", length)
        if mask:
            key = os.urandom(4)
            payload = key + bytes(byte ^ key[i & 3] for i, byte in enumerate(payload))
        self.socket.sendall(out + payload)

    def take(self, size):
        while len(self.rest) < size:
            part = self.socket.recv(65536)
            if not part:
                raise EOFError
            self.rest += part
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken

    def receive(self):
        """Opcode and payload of the next frame."""
        first, second = self.take(2)
        assert second & 0x80 == 0, "the host masks"
        assert first & 0x70 == 0, "the host sets reserved bits"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self.take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self.take(8))
        return first & 0x0F, self.take(size)

    def end(self):
        """Reads to the close frame: its code, and the codes of the notices before it."""
        notices = []
        while True:
            opcode, payload = self.receive()
            if opcode == 8:
                return struct.unpack(">H", payload[:2])[0], notices
            if opcode == 2 and struct.unpack("<H", payload[:2])[0] == NOTICE:
                notices.append(fields(payload[2:]).get(1, 0))


def expect_end(bare, code, *notices):
    got = bare.end()
    assert got == (code, list(notices)), f"closed with {got}"


# --- the client of Debian ---


def connect(url, **options):
    if url.startswith("wss"):
        options["ssl"] = NO_CHECK
    return websockets.connect(url, open_timeout=BOUND, max_size=None, **options)


async def receive(client, number):
    while True:
        data = await asyncio.wait_for(client.recv(), BOUND)
        (got,) = struct.unpack("<H", data[:2])
        if got == number:
            return fields(data[2:])
        assert got != NOTICE, f"told {fields(data[2:])}"


async def enter(login_url, agent_url, **options):
    async with connect(login_url) as login:
        await login.send(message(LOGIN_REQ, field(2, b"guest") + field(3, b"tester")))
        ack = await receive(login, LOGIN_ACK)
    assert ack.get(1, 0) == 0, f"no login: {ack}"
    client = await connect(agent_url, **options)
    version2 = varint(3 << 3) + varint(2)  # VerifyREQ.protocol: a client that is sent notices
    await client.send(message(VERIFY_REQ, field(1, ack.get(3, b"")) + field(2, ack.get(4, b"")) + version2))
    verified = await receive(client, VERIFY_ACK)
    assert verified.get(1, 0) == 0, f"not verified: {verified}"
    return client


async def echoes(client, text):
    await client.send(echo(text))
    ack = await receive(client, ECHO_ACK)
    assert ack.get(1) == text, f"echo said {ack.get(1)[:40]}"


async def closed(client):
    """The close code, and the codes of the notices before it."""
    notices = []
    try:
        while True:
            data = await asyncio.wait_for(client.recv(), BOUND)
            if struct.unpack("<H", data[:2])[0] == NOTICE:
                notices.append(fields(data[2:]).get(1, 0))
    except websockets.ConnectionClosed as end:
        return (end.rcvd.code if end.rcvd else None), notices


# --- the rules ---


async def a_message_in_fragments_is_one(login, agent):
    client = await enter(login, agent)
    data = echo(b"f" * 5000)
    await client.send([data[:1], data[1:3], data[3:4000], data[4000:]])
    assert (await receive(client, ECHO_ACK))[1] == b"f" * 5000
    await client.close()


async def pings_are_answered_between_fragments(login, agent):
    bare = Bare(agent)
    bare.send(2, message(PING)[:1], fin=False)
    bare.send(9, b"are you there?")
    assert bare.receive() == (10, b"are you there?")
    bare.send(0, b"", fin=False)
    bare.send(9, b"x" * 125)
    assert bare.receive() == (10, b"x" * 125)
    bare.send(0, message(PING)[1:])
    assert bare.receive() == (2, message(PING))


async def a_ping_of_the_library_is_answered(login, agent):
    client = await enter(login, agent)
    await asyncio.wait_for(await client.ping(), BOUND)
    await echoes(client, b"after a ping")
    await client.close()


async def a_message_of_one_mebibyte_is_carried(login, agent):
    client = await enter(login, agent)
    around = len(echo(b"large 0", 1 << 18)) - (1 << 18)
    for i in range(3):
        data = echo(b"large %d" % i, 2 + 1048576 - around)
        assert len(data) == 2 + 1048576
        await client.send(data)
        assert (await receive(client, ECHO_ACK))[1] == b"large %d" % i
    await client.close()


async def a_message_over_the_limit_is_told_and_closes_with_1009(login, agent):
    client = await enter(login, agent)
    await client.send(echo(b"too large", 1048576))
    assert await closed(client) == (1009, [TOO_LARGE])
    bare = Bare(agent)  # its length alone is enough to begin with, but it has to come
    bare.send(2, b"", length=1 << 40)
    bare.socket.sendall(b"x" * (1 << 20) + b"y" * 4096)
    expect_end(bare, 1009, TOO_LARGE)


async def text_is_told_and_closes_with_1003(login, agent):
    client = await enter(login, agent)
    await client.send("hello")
    assert await closed(client) == (1003, [MALFORMED])


async def text_that_is_no_utf8_closes_with_1007(login, agent):
    bare = Bare(agent)
    bare.send(1, b"\xc3\x28")
    expect_end(bare, 1007)


async def a_message_without_room_for_an_id_is_told_and_closes_with_1007(login, agent):
    for payload in (b"", b"x"):
        bare = Bare(agent)
        bare.send(2, payload)
        expect_end(bare, 1007, MALFORMED)


async def what_breaks_the_protocol_closes_with_1002(login, agent):
    evil = {
        "no mask": lambda b: b.send(2, message(PING), mask=False),
        "a reserved bit": lambda b: b.send(2, message(PING), reserved=4),
        "another reserved bit": lambda b: b.send(2, message(PING), reserved=1),
        "a reserved opcode": lambda b: b.send(3, message(PING)),
        "a reserved control opcode": lambda b: b.send(11),
        "a ping in fragments": lambda b: b.send(9, b"x", fin=False),
        "a ping that is too long": lambda b: b.send(9, b"x" * 126),
        "the rest of nothing": lambda b: b.send(0, b"x"),
        "a message within a message": lambda b: (b.send(2, b"a", fin=False), b.send(2, b"b")),
        "a length that is longer than it must be": lambda b: b.socket.sendall(b"\x82\xfe\x00\x02abcdxx"),
        "a close of one byte": lambda b: b.send(8, b"x"),
        "a close with a code that nobody may send": lambda b: b.send(8, struct.pack(">H", 1005)),
    }
    for name, send in evil.items():
        bare = Bare(agent)
        send(bare)
        try:
            code, _ = bare.end()
        except EOFError:
            code = 0
        assert code == 1002, f"{name}: closed with {code}"


async def a_close_is_answered_with_its_code(login, agent):
    client = await enter(login, agent)
    await client.close(1000, "goodbye")
    assert client.close_code == 1000, client.close_code
    bare = Bare(agent)
    bare.send(8, struct.pack(">H", 4321) + b"mine")
    assert bare.receive()[1][:2] == struct.pack(">H", 4321)
    assert bare.socket.recv(1) == b""


async def ends_at_any_moment_harm_nobody(login, agent):
    other = await enter(login, agent)
    for i in range(60):
        bare = Bare(agent)
        bare.send(2, message(PING))
        with contextlib.suppress(OSError):  # it may have closed already
            if i % 3 == 0:
                bare.send(8, struct.pack(">H", 1000))
            if i % 4 == 0:
                bare.send(1, b"text")  # it closes, too
            if i % 5 == 0:
                bare.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if i % 2 == 0:
                bare.send(2, b"half of a message", fin=False)
        bare.socket.close()
    await echoes(other, b"still here")
    await other.close()


async def what_is_pipelined_behind_the_handshake_is_read(login, agent):
    bare = Bare(agent, upgrade=False)
    key = b"\0\0\0\0"
    frame = b"\x82" + bytes([0x82]) + key + message(PING)
    bare.socket.sendall(bare.upgrade_request().encode() + frame)
    assert bare.request("") == 101
    assert bare.receive() == (2, message(PING))


async def many_messages_in_one_write_come_back_in_order(login, agent):
    bare = Bare(agent)
    key = b"\0\0\0\0"
    frame = b"\x82" + bytes([0x82]) + key + message(PING)
    bare.socket.sendall(frame * 2000)
    for _ in range(2000):
        assert bare.receive() == (2, message(PING))


async def pings_of_a_client_that_does_not_read_are_bounded(login, agent):
    bare = Bare(agent, timeout=2)
    frame = b"\x89\xfd\0\0\0\0" + b"p" * 125
    sent = 0
    try:
        while sent < 1 << 28:
            sent += bare.socket.send(frame * 512)
    except (TimeoutError, socket.timeout):
        pass  # it is held back
    assert sent < 1 << 28, "pings without end are taken"
    other = await enter(login, agent)
    await echoes(other, b"unharmed")
    await other.close()


async def a_slow_handshake_is_closed(login, agent):
    bare = Bare(agent, upgrade=False)
    begun = time.time()
    try:
        for byte in bare.upgrade_request(headers="X: " + "y" * 4000 + "\r\n").encode():
            bare.socket.sendall(bytes([byte]))
            time.sleep(0.05)
            assert time.time() - begun < BOUND, "it may take for ever"
    except OSError:
        pass
    silent = Bare(agent, upgrade=False)
    try:
        assert silent.socket.recv(1) == b""
    except (ssl.SSLEOFError, ConnectionResetError):
        pass


async def too_many_handshakes_are_closed_and_the_others_served(login, agent):
    waiting = [Bare(agent, upgrade=False) for _ in range(8)]
    last = Bare(agent, upgrade=False)
    last.socket.settimeout(0.5)  # the time-out of a handshake is longer
    try:
        assert last.socket.recv(1) == b""
    except ConnectionResetError:
        pass
    for one in waiting[:-1]:
        one.socket.close()
    deadline = time.time() + BOUND
    while True:
        try:
            assert Bare(agent, upgrade=False).request(last.upgrade_request()) == 101
            break
        except (AssertionError, ConnectionResetError, BrokenPipeError):
            assert time.time() < deadline, "no handshake is served any more"
            time.sleep(0.05)


async def a_bad_request_gets_its_http_error(login, agent):
    host = urlsplit(agent).netloc
    cases = [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 426),
        ("GET /favicon.ico HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 400),
        ("nonsense\r\n\r\n", 400),
        ("\x16\x03\x01\x02\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: " + "y" * 20000 + "\r\n\r\n", 431),
        (Bare.upgrade_request(type("", (), {"authority": host})(), path="/else"), 404),
        (Bare.upgrade_request(type("", (), {"authority": host})(), version="8"), 426),
        ("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n", 400),
    ]
    for text, wanted in cases:
        bare = Bare(agent, upgrade=False)
        status = bare.request(text)
        assert status == wanted, f"{text[:60]!r} got {status}"
        assert b"Connection: close" in bare.header or status == 400, bare.header
        bare.body()


IDLE = 7


def answer_pings(bare, count):
    for _ in range(count):
        opcode, payload = bare.receive()
        assert opcode == 9, f"opcode {opcode} in place of a ping"
        bare.send(10, payload)


async def an_idle_client_is_pinged_and_stays(login, agent):
    bare = Bare(agent)
    answer_pings(bare, 3)  # one that did not would be gone
    bare.send(2, message(PING))
    assert bare.receive() in ((2, message(PING)), (9, b""))
    client = await enter(login, agent, ping_interval=None)
    await asyncio.sleep(10)
    await echoes(client, b"the library has answered, too")
    await client.close()


async def one_that_does_not_answer_pings_is_told_and_closed(login, agent):
    bare = Bare(agent)
    answer_pings(bare, 1)
    expect_end(bare, 1008, IDLE)


async def pings_of_a_client_are_signs_of_life(login, agent):
    quiet, lively = Bare(agent), Bare(agent)
    quiet.socket.setblocking(False)
    deadline = time.time() + BOUND
    while True:
        lively.send(9, b"life")
        assert lively.receive() == (10, b"life")
        try:
            assert quiet.socket.recv(65536), "it is not told"
            break
        except (BlockingIOError, ssl.SSLWantReadError):
            assert time.time() < deadline, "who says nothing at all is not closed"
        await asyncio.sleep(0.1)
    lively.send(9, b"still here")
    assert lively.receive() == (10, b"still here")


def subprotocol_of(url, headers):
    bare = Bare(url, headers=headers)
    lines = bare.header.decode().split("\r\n")
    found = [line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("sec-websocket-protocol:")]
    assert len(found) <= 1, found
    return found[0] if found else None


async def the_first_offered_subprotocol_that_is_listed_is_selected(login, agent):
    offer = "Sec-WebSocket-Protocol: "
    for headers, wanted in [
        ("", None),
        (offer + "binary\r\n", "binary"),
        (offer + "binary, chat.v2\r\n", "binary"),
        (offer + "chat.v1,\tchat.v2 , binary\r\n", "chat.v2"),
        (offer + "chat.v1\r\n" + offer + "chat.v2\r\n", "chat.v2"),
        ("sec-websocket-protocol:chat.v2\r\n", "chat.v2"),
        (offer + "chat.v1\r\n", None),
        (offer + "CHAT.V2\r\n", None),
        (offer + "\r\n", None),
        (offer + ",,, ,chat v2,\"chat.v2\"\r\n", None),
        (offer + "x, " * 2000 + "binary\r\n", "binary"),
    ]:
        got = subprotocol_of(agent, headers)
        assert got == wanted, f"{headers[:60]!r} got {got}"
    client = await enter(login, agent, subprotocols=["chat.v1", "chat.v2"])
    assert client.subprotocol == "chat.v2", client.subprotocol
    await echoes(client, b"by a subprotocol")
    await client.close()


async def binary_is_a_subprotocol(login, agent):
    for url in (login, agent):
        async with connect(url, subprotocols=["binary", "base64"]) as client:
            assert client.subprotocol == "binary", client.subprotocol


async def a_health_check_is_answered(login, agent):
    for url in (login, agent):
        for request, status, body in [
            ("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 200, b"ok"),
            ("GET /healthz HTTP/1.0\r\n\r\n", 200, b"ok"),
            ("GET /healthz?a=b HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", 200, b"ok"),
            ("HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 200, b""),
            ("HEAD /other HTTP/1.1\r\nHost: h\r\n\r\n", 404, b""),
        ]:
            bare = Bare(url, upgrade=False)
            got = bare.request(request)
            assert got == status, f"{request[:30]!r} got {got}"
            assert b"Connection: close" in bare.header, bare.header
            got = bare.body()
            assert body is None or got == body, f"{request[:30]!r} got {got}"


async def a_page_of_another_origin_is_refused(login, agent):
    bare = Bare(agent, upgrade=False)
    for origin, wanted in [
        ("http://evil.example.org", 403),
        ("null", 403),
        (f"http://{urlsplit(agent).hostname}.evil.org", 403),
        (f"http://{urlsplit(agent).hostname}:1234", 101),
        (f"https://{urlsplit(agent).hostname}", 101),
    ]:
        bare = Bare(agent, upgrade=False)
        status = bare.request(bare.upgrade_request(headers=f"Origin: {origin}\r\n"))
        assert status == wanted, f"{origin} got {status}"


async def pages_of_named_origins_may_connect(login, agent):
    for origin, wanted in [
        ("https://play.example.org", 101),
        ("https://PLAY.example.org", 101),
        ("https://example.org", 403),
        ("http://play.example.org", 403),
        (f"http://{urlsplit(agent).hostname}", 403),
    ]:
        bare = Bare(agent, upgrade=False)
        status = bare.request(bare.upgrade_request(headers=f"Origin: {origin}\r\n"))
        assert status == wanted, f"{origin} got {status}"


async def messages_are_compressed_with_who_asks_for_it(login, agent):
    client = await enter(login, agent)
    assert any("deflate" in type(e).__module__ for e in client.extensions), client.extensions
    for size in (1, 100, 5000, 60000):
        await echoes(client, (b"compress me " * size)[:size])
    await client.close()
    plain = await enter(login, agent, compression=None)
    assert not plain.extensions
    await echoes(plain, b"in the clear")
    await plain.close()


async def what_cannot_be_inflated_closes_with_1007(login, agent):
    bare = Bare(agent, headers="Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
    assert b"permessage-deflate" in bare.header, bare.header
    bare.send(2, b"\xff" * 40, reserved=4)
    expect_end(bare, 1007)


async def what_inflates_beyond_the_limit_closes_with_1009(login, agent):
    client = await enter(login, agent)
    await client.send(echo(b"bomb", 64 << 20))
    assert await closed(client) == (1009, [TOO_LARGE])


# --- TLS ---


def tls(url, low=None, high=None, protocols=None):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if low:
        context.minimum_version = low
    if high:
        context.maximum_version = high
    if protocols:
        context.set_alpn_protocols(protocols)
    parts = urlsplit(url)
    return context.wrap_socket(socket.create_connection((parts.hostname, parts.port), BOUND))


def refused(*arguments, **options):
    try:
        tls(*arguments, **options).close()
    except (ssl.SSLError, ConnectionError):
        return True
    return False


def ping(stream):
    stream.sendall(struct.pack("<H", 2) + message(PING))
    got = b""
    while len(got) < 4:
        part = stream.recv(4 - len(got))
        assert part, "it closed"
        got += part
    assert got == struct.pack("<H", 2) + message(PING), got


async def tls_is_1_3_and_1_2_for_who_knows_no_better(login, agent):
    stream = tls(agent)
    assert stream.version() == "TLSv1.3", stream.version()
    ping(stream)
    old = tls(agent, high=ssl.TLSVersion.TLSv1_2)
    assert old.version() == "TLSv1.2" and "GCM" in old.cipher()[0], old.cipher()
    ping(old)
    old_context_is_refused = refused(agent, low=ssl.TLSVersion.TLSv1, high=ssl.TLSVersion.TLSv1_1)
    assert old_context_is_refused, "TLS 1.1 is spoken"


async def tls_1_2_is_refused_where_a_setting_wants_1_3(login, agent):
    assert refused(agent, high=ssl.TLSVersion.TLSv1_2)
    ping(tls(agent))


async def who_asks_for_another_protocol_is_refused(login, agent):
    assert refused(agent, protocols=["h2"])
    stream = tls(agent, protocols=["h2", "cellmesh"])
    assert stream.selected_alpn_protocol() == "cellmesh"
    ping(stream)


async def tls_that_is_half_open_is_closed_and_the_others_served(login, agent):
    parts = urlsplit(agent)
    silent = [socket.create_connection((parts.hostname, parts.port), BOUND) for _ in range(20)]
    half = [socket.create_connection((parts.hostname, parts.port), BOUND) for _ in range(20)]
    for one in half:
        one.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")  # the begin of a greeting
    ping(tls(agent))
    for one in silent + half:
        try:
            while one.recv(4096):
                pass
        except ConnectionResetError:
            pass


async def what_is_no_tls_is_closed(login, agent):
    parts = urlsplit(agent)
    for data in (b"GET / HTTP/1.1\r\n\r\n", struct.pack("<H", 2) + message(PING), b"\0" * 100):
        plain = socket.create_connection((parts.hostname, parts.port), BOUND)
        plain.sendall(data)
        try:
            while plain.recv(4096):
                pass
        except ConnectionResetError:
            pass


def make_certificate(folder, name, key_first=True):
    """Puts a new pair in the place of cert.pem and key.pem; the certificate, as a client sees it."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj".split()
    new = [os.path.join(folder, file) for file in ("new-key.pem", "new-cert.pem")]
    subprocess.run([*command, "/CN=" + name, "-keyout", new[0], "-out", new[1]], check=True, capture_output=True)
    with open(new[1]) as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    os.rename(new[0], os.path.join(folder, "key.pem"))
    os.rename(new[1], os.path.join(folder, "cert.pem"))
    return der


def shown(agent):
    stream = tls(agent)
    try:
        ping(stream)
        return stream.getpeercert(binary_form=True)
    finally:
        stream.close()


LISTENERS = 4  # that read it: tls and wss of agent and login


def refusals(folder):
    with open(os.path.join(folder, "all", "log")) as log:
        return log.read().count("the changed certificate is refused")


async def a_changed_certificate_is_taken_under_traffic(login, agent, folder):
    first = shown(agent)
    old = tls(agent)
    seen = first
    for round in range(3):
        wanted = make_certificate(folder, f"round{round}")
        deadline = time.time() + BOUND
        while seen != wanted:
            assert time.time() < deadline, "the new certificate is not taken"
            seen = shown(agent)  # every handshake succeeds, with the old one or the new one
            ping(old)
    # Bad ones: the last good one stays.
    for name, text in (("cert.pem", "no certificate"), ("key.pem", "no key")):
        before = refusals(folder)
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
        deadline = time.time() + BOUND
        while refusals(folder) < before + LISTENERS:
            assert time.time() < deadline, "nobody says that it is refused"
            assert shown(agent) == seen, "a bad file is taken"
        assert shown(agent) == seen, "a bad file is taken"
    wanted = make_certificate(folder, "good again")
    deadline = time.time() + BOUND
    while shown(agent) != wanted:
        assert time.time() < deadline, "the new certificate is not taken after a bad one"
    ping(old)


async def main():
    rule = globals()[sys.argv[1]]
    await asyncio.wait_for(rule(*sys.argv[2 : 2 + rule.__code__.co_argcount]), 5 * BOUND)


asyncio.run(main())
