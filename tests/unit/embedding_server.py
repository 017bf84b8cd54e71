"""An OpenAI-compatible endpoint on this machine, with minilm behind it, that can misbehave."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from textback.config import read_embedder
from textback.embedders import load_embedder
from textback.errors import TextbackError

ROOT = Path(__file__).parents[2]
MODEL = "all-minilm"
KEY = "sk-local-0123456789abcdef"
KEY_VARIABLE = "TEXTBACK_TEST_KEY"
TEXTS = [f"the {word} of {i} men" for i, word in enumerate(["army", "navy", "peace", "war"] * 3)]


class EmbeddingServer(ThreadingHTTPServer):
    """Does with the next requests what `plan` says, then what `always` says, then answers well.

    plan: a function each, of the handler and what was asked; None answers well
    answered: how often each text was answered well; requests: how many texts each one asked for;
    bodies: what each one was; headers: with what before it
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        config = yaml.safe_load((ROOT / "config.yaml").read_text())
        self.minilm = load_embedder("minilm", read_embedder(config["embedders"]["minilm"]))
        self.lock = threading.Lock()
        self.begin_again()

    def begin_again(self):
        """Forget what was planned and what happened."""
        self.plan, self.always = [], None
        self.answered, self.requests, self.bodies, self.headers = Counter(), [], [], []

    def handle_error(self, request, client_address):
        """A client that was killed is no news."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def answer(self, texts):
        """The API's answer; a word counts as a token."""
        with self.lock:
            vectors = self.minilm.embed(texts).tolist()
        data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
        tokens = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": MODEL, "usage": usage}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.requests.append(len(asked["input"]))
            server.bodies.append(asked)
            server.headers.append(self.headers)
            does = server.plan.pop(0) if server.plan else server.always
        if self.headers["Authorization"] != f"Bearer {KEY}":
            return refuse(401, f"Incorrect API key provided: {self.headers['Authorization']}")(
                self, asked
            )
        if asked["model"] != MODEL or self.path != "/v1/embeddings":
            return refuse(404, "no such model")(self, asked)
        if "" in asked["input"]:
            return refuse(400, "input cannot be an empty string")(self, asked)
        if does is not None:
            return does(self, asked)
        self.send(200, server.answer(asked["input"]))
        with server.lock:
            server.answered.update(asked["input"])
        return None

    def send(self, status, value, headers=()):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)


def refuse(status, message, code=None, **headers):
    """Answer with an error; `Retry_After=…` is a header of it."""
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]

    def do(handler, asked):
        handler.send(status, {"error": {"message": message, "code": code}}, pairs)

    return do


def drop(handler, asked):
    """Close the connection in the middle of an answer."""
    body = json.dumps(handler.server.answer(asked["input"])).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def spoil(change):
    """Answer 200 with what `change` makes of the right answer: another value, or bytes."""

    def do(handler, asked):
        handler.send(200, change(handler.server.answer(asked["input"])))

    return do


def entry(server, **changes):
    """A catalogue's entry for the server."""
    return {
        "kind": "openai",
        "model": MODEL,
        "base_url": server.url,
        "key_variable": KEY_VARIABLE,
        "dimension": 384,
        "cased": False,
        "batch": 4,
        "retries": 3,
        "timeout": 20,
        **changes,
    }


def load(server, **changes):
    return load_embedder("local", read_embedder(entry(server, **changes)))


def failing(server, *plan, texts=TEXTS, **changes):
    """The one line that embedding ends in."""
    server.plan = list(plan)
    with pytest.raises(TextbackError) as error:
        load(server, **changes).embed(texts)
    line = str(error.value)
    assert "\n" not in line and line.startswith("embedder 'local'") and KEY not in line
    return line


def once(server, texts=TEXTS):
    """Whether the server answered these texts, each once, and no other."""
    return server.answered == dict.fromkeys(texts, 1)
