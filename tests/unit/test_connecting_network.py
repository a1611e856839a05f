"""A bucket behind TLS, behind a proxy, and over IPv6: real sockets between us and the server."""

import contextlib
import datetime as dt
import ipaddress
import select
import socket
import ssl
import threading
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ossfs.clock import SystemClock
from ossfs.config import resolve
from ossfs.connecting import credentials_for, open_store, transport_options
from ossfs.errors import InvalidOption, Unreachable, Untrusted
from ossfs.store.api import BytesBody, Headers
from ossfs.store.transport import HttpTransport


class Relay:
    """
    Accepts connections and passes their bytes to where `route` says, both ways.

    With `tls`, it speaks TLS to its clients. With `is_proxy`, it reads the head of the first
    request, notes its request line, and does what an HTTP proxy does.
    """

    def __init__(self, target, *, tls=None, host="127.0.0.1", is_proxy=False, refuses=b""):
        self.target = target
        self.lines = []
        self.connections = 0
        self._tls = tls
        self._is_proxy = is_proxy
        self._refuses = refuses
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port = self._listener.getsockname()[1]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        self._listener.settimeout(0.02)
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client):
        client.settimeout(10)
        with contextlib.ExitStack() as closing, contextlib.suppress(OSError):
            closing.enter_context(client)
            if self._tls is not None:
                client = closing.enter_context(self._tls.wrap_socket(client, server_side=True))
            first = self._head(client) if self._is_proxy else b""
            if first is None:
                return
            server = closing.enter_context(socket.create_connection(self.target, timeout=10))
            server.sendall(first)
            self._pump(client, server)

    def _head(self, client):
        """Read a request's head; return what the server shall see of it, None: nothing."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65536)
            if not data:
                return None
            head += data
        line, _, rest = head.partition(b"\r\n")
        self.lines.append(line.decode())
        if self._refuses:
            client.sendall(self._refuses)
            return None
        method, target, version = line.split(b" ")
        if method == b"CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            return b""
        parts = urlsplit(target.decode())
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return b" ".join([method, path.encode(), version]) + b"\r\n" + rest

    def _pump(self, *ends):
        while not self._stop.is_set():
            ready = [one for one in ends if isinstance(one, ssl.SSLSocket) and one.pending()]
            for one in ready or select.select(ends, [], [], 0.02)[0]:
                data = one.recv(65536)
                if not data:
                    return
                ends[one is ends[0]].sendall(data)

    def close(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()


@pytest.fixture
def relay(emulator):
    """Start relays to the embedded server."""
    made = []

    def make(**how):
        made.append(Relay((emulator.host, emulator.port), **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


KEY_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


class Authority:
    """A certificate authority of a test's own."""

    def __init__(self, folder, name):
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.pem"
        certificate = self._signed(self._name, self._key, is_authority=True)
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _signed(self, subject, key, *, is_authority=False, host=""):
        now = dt.datetime.now(dt.timezone.utc)
        builder = (
            x509.CertificateBuilder(self._name, subject, key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(  # Python 3.13 asks for it
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        if is_authority:
            usage = dict.fromkeys(KEY_USAGES, False) | {"key_cert_sign": True}
            builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
        if host:
            is_ip = host[0].isdigit()
            name = x509.IPAddress(ipaddress.ip_address(host)) if is_ip else x509.DNSName(host)
            builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def server(self, host):
        """Return what a server needs that is `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        certificate = self._signed(subject, key, host=host)
        file = self._folder / f"{host}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture
def opened(bucket_name, emulator):
    """Open the bucket with options, as a mount does; return the store."""
    transports = []

    def open_with(endpoint, *, environment=None, **options):
        flags = {"endpoint": endpoint, "region": "cn-hangzhou", **options}
        config = resolve(f"oss://{bucket_name}", flags={k: str(v) for k, v in flags.items()})
        keys = {"OSS_ACCESS_KEY_ID": emulator.key_id, "OSS_ACCESS_KEY_SECRET": emulator.secret}
        environment = keys | (environment or {})
        network = transport_options(config.store, environment, connections=4)
        transports.append(HttpTransport(network))
        clock = SystemClock()
        credentials = credentials_for(config, network, clock, environment)
        return open_store(config, transports[-1], credentials, clock)

    yield open_with
    for transport in transports:
        transport.close()


def works(store, key="dir/a b+c.txt"):
    """Store something and read it back."""
    store.put(key, BytesBody(b"bytes"), Headers())
    return store.get(key).data == b"bytes" and [key] == [one.key for one in store.list().objects]


# TLS


def test_an_authority_of_ones_own(opened, relay, authority):
    """Its certificate is named by an option, or by the variables that other programs heed."""
    front = relay(tls=authority.server("127.0.0.1"))
    endpoint = f"https://127.0.0.1:{front.port}"

    assert works(opened(endpoint, ca_file=authority.file))
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        assert works(opened(endpoint, environment={name: str(authority.file)}))


@pytest.mark.parametrize("is_ours_named", [False, True])
def test_a_certificate_of_somebody_else(opened, relay, authority, tmp_path, is_ours_named):
    """It is refused at the first connection, and the message names the option."""
    front = relay(tls=Authority(tmp_path, "theirs").server("127.0.0.1"))
    options = {"ca_file": authority.file} if is_ours_named else {}
    store = opened(f"https://127.0.0.1:{front.port}", **options)

    with pytest.raises(Untrusted, match=r"certificate is not trusted: .*--ca-file"):
        store.list()

    assert 1 == front.connections


def test_a_certificate_of_another_host(opened, relay, authority):
    """A good signature is not enough."""
    front = relay(tls=authority.server("other.example.com"))

    with pytest.raises(Untrusted, match=r"not valid for '127\.0\.0\.1'"):
        opened(f"https://127.0.0.1:{front.port}", ca_file=authority.file).list()


def test_certificates_that_nobody_checks(opened, relay, authority, expect_log):
    """That works, and is said in the log."""
    expect_log("the store's certificate is not checked")
    front = relay(tls=authority.server("other.example.com"))

    assert works(opened(f"https://127.0.0.1:{front.port}", verify_tls="false"))


def test_tls_to_a_server_that_has_none(opened, emulator):
    """The message asks what is likely, and nobody waits for a deadline."""
    with pytest.raises(Untrusted, match="is it an http:// endpoint"):
        opened(f"https://127.0.0.1:{emulator.port}").list()


def test_a_file_of_certificates_that_is_none(opened, tmp_path):
    """It is found out before anything is sent."""
    empty = tmp_path / "empty.pem"
    empty.write_text("")

    with pytest.raises(InvalidOption, match=r"--ca-file: .*empty.pem: it holds no certificate"):
        opened("https://127.0.0.1:1", ca_file=empty)
    with pytest.raises(InvalidOption, match=r"--ca-file: .*none.pem: No such file"):
        opened("https://127.0.0.1:1", ca_file=tmp_path / "none.pem")
    environment = {"SSL_CERT_FILE": str(tmp_path / "none.pem")}
    with pytest.raises(InvalidOption, match=r"SSL_CERT_FILE: .*none.pem: No such file"):
        opened("https://127.0.0.1:1", environment=environment)


# Proxies


def test_a_proxy_for_http(opened, relay, emulator, bucket_name):
    """It is given whole URLs, keys and all as they are."""
    proxy = relay(is_proxy=True)
    store = opened(emulator.endpoint, proxy=f"http://127.0.0.1:{proxy.port}")

    assert works(store, key="a/../b c/%2F/+.txt")

    assert proxy.lines[0].startswith(f"PUT {emulator.endpoint}/{bucket_name}/a/%2E%2E/b%20c/")


def test_a_proxy_for_https(opened, relay, authority):
    """It opens a tunnel, and the certificate is the store's."""
    front = relay(tls=authority.server("127.0.0.1"))
    proxy = relay(is_proxy=True)
    proxy.target = ("127.0.0.1", front.port)
    endpoint = f"https://127.0.0.1:{front.port}"
    through = {"proxy": f"http://127.0.0.1:{proxy.port}"}

    assert works(opened(endpoint, ca_file=authority.file, **through))
    assert {f"CONNECT 127.0.0.1:{front.port}"} == {one.rpartition(" ")[0] for one in proxy.lines}

    with pytest.raises(Untrusted, match="--ca-file"):
        opened(endpoint, **through).list()


def test_the_proxy_of_the_environment(opened, relay, monkeypatch, expect_log):
    """It is used for hosts that are not this machine, unless `none` is wanted."""
    expect_log("giving up op=list .*store.invalid")
    proxy = relay(is_proxy=True)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    endpoint = "http://store.invalid"  # RFC 6761: no resolver knows it

    assert works(opened(endpoint, addressing="path"))
    assert proxy.lines[0].startswith("PUT http://store.invalid/")
    seen = len(proxy.lines)
    with pytest.raises(Unreachable):
        opened(endpoint, addressing="path", proxy="none", retries=0).list()
    assert seen == len(proxy.lines)


def test_a_proxy_that_refuses(opened, relay, expect_log):
    """The message says that it was the proxy, and where proxies come from."""
    expect_log("giving up op=list .* attempt=1 ")
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    proxy = relay(is_proxy=True, refuses=refusal)
    store = opened("https://127.0.0.1:9", proxy=f"http://127.0.0.1:{proxy.port}", retries=0)

    with pytest.raises(Unreachable, match=r"through the proxy \(--proxy.*407"):
        store.list()


# IPv6


def test_an_ipv6_address(opened, relay):
    """It stands in brackets, and the bucket in the path."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        front = relay(host="::1")
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")

    assert works(opened(f"http://[::1]:{front.port}"))
