"""Downloads are checked, kept and whole."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mmgraph.config import parse
from mmgraph.data.download import Source, download
from mmgraph.errors import ConfigError, DataError
from mmgraph.progress import Progress

FILES = {"/a.txt": b"first", "/b.txt": b"second" * 1000}


class Server:
    def __init__(self) -> None:
        self.requests: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                content = FILES.get(self.path)
                self.send_response(200 if content else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"

    def source(self, name: str, content: bytes | None = None, path: str | None = None) -> Source:
        known = FILES.get(name, b"") if content is None else content
        return Source(
            path=path or f"raw{name}", url=self.address + name, sha256=hashlib.sha256(known).hexdigest()
        )


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, daemon=True)
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def fetch(sources: list[Source], folder: Path) -> Path:
    return download(sources, folder, name="things", progress=Progress(quiet=True))


def test_files_are_fetched_once(server: Server, tmp_path: Path) -> None:
    sources = [server.source("/a.txt"), server.source("/b.txt")]
    assert fetch(sources, tmp_path / "kept") == tmp_path / "kept"
    assert (tmp_path / "kept/raw/a.txt").read_bytes() == b"first"
    assert sorted(server.requests) == ["/a.txt", "/b.txt"]
    fetch(sources, tmp_path / "kept")
    assert len(server.requests) == 2
    (tmp_path / "kept/raw/a.txt").write_bytes(b"spoilt")
    fetch(sources, tmp_path / "kept")
    assert (tmp_path / "kept/raw/a.txt").read_bytes() == b"first"
    assert len(server.requests) == 3


def test_other_content_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"/a\.txt: gave a file with the SHA-256 .*prepare things --source DIR"
    ):
        fetch([server.source("/a.txt", content=b"expected")], tmp_path / "kept")
    assert not list((tmp_path).rglob("*.txt*"))


def test_absent_file(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"/c\.txt: cannot be fetched: Not Found.*--source DIR"):
        fetch([server.source("/c.txt")], tmp_path / "kept")


def test_offline(tmp_path: Path) -> None:
    source = Source(path="a", url="http://127.0.0.1:9/a", sha256="0" * 64)
    with pytest.raises(DataError) as caught:
        fetch([source], tmp_path / "kept")
    assert str(caught.value).startswith("http://127.0.0.1:9/a: cannot be fetched: ")
    assert "mmgraph prepare things --source DIR" in str(caught.value)
    assert not (tmp_path / "kept").exists()


def test_path_out_of_the_folder(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leaves the folder"):
        fetch([server.source("/a.txt", path="../a.txt")], tmp_path / "kept")
    assert server.requests == []


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://x/y", "x"])
def test_only_web_addresses(url: str) -> None:
    with pytest.raises(ConfigError, match="url"):
        parse(Source, {"path": "a", "url": url, "sha256": "0" * 64}, where="prepare.py")
