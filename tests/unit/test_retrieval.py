"""Fetching entries, from a server on this machine that knows one."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mesaflow import retrieval
from mesaflow.errors import InputError

ENTRY = "data_1L2Y\n#\n_entry.id 1L2Y\n"


class Handler(BaseHTTPRequestHandler):
    pages = {"/1L2Y.cif": (200, ENTRY), "/9ZZZ.cif": (200, "<html>sign in</html>"), "/5XXX.cif": (503, "")}

    def do_GET(self):
        self.server.asked.append(self.path)
        code, text = self.pages.get(self.path, (404, ""))
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        monkeypatch.setattr(retrieval, "ADDRESS", f"http://127.0.0.1:{server.server_port}/{{entry}}.cif")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_entry_is_fetched_once_and_kept(server, tmp_path):
    for _ in range(2):
        path = retrieval.fetch_entry("1l2y")
        assert path.read_text() == ENTRY
    assert path == retrieval.entry_file("1L2Y")
    assert (tmp_path / "resources" / "structures" / "1L2Y.cif").is_file()
    assert server.asked == ["/1L2Y.cif"]


@pytest.mark.parametrize(
    ("pdb_id", "words"),
    [
        ("0ABC", "no such entry; give another"),
        ("9ZZZ", "what came is no mmCIF file"),
        (
            "5XXX",
            "cannot be fetched from here .* put the file at resources/structures/5XXX.cif, or give system.sequence",
        ),
    ],
)
def test_what_is_no_entry_is_refused_and_nothing_is_kept(server, tmp_path, pdb_id, words):
    with pytest.raises(InputError, match=words):
        retrieval.fetch_entry(pdb_id)
    assert not (tmp_path / "resources").exists()


def test_without_a_way_out_the_error_says_what_to_do(server, monkeypatch):
    server.server_close()
    monkeypatch.setattr(retrieval, "ADDRESS", "http://127.0.0.1:9/{entry}.cif")
    with pytest.raises(InputError, match="cannot be fetched from here .*refused.* or give system.sequence") as caught:
        retrieval.fetch_entry("1L2Y")
    assert "\n" not in str(caught.value)
