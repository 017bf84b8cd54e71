"""Requests to an OpenAI-compatible endpoint: asked again where that can help, else one line.

The key is taken out of whatever the endpoint or a library says.
"""

import email.utils
import logging
import os
import random
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import openai

from textback.config.embedders import OpenAI
from textback.embedders.answers import Answer, Malformed, read_answer
from textback.embedders.key import key_of
from textback.errors import TextbackError
from textback.progress import log

# The client's libraries, under the names of its several versions, log URLs and headers.
LIBRARIES = ("openai", "httpx", "httpcore", "httpx2", "httpcore2")
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds
LONGEST_ASKED_WAIT = 600.0  # that an endpoint may ask for
MALFORMED_RETRIES = 2  # each may be paid for


@dataclass(eq=False)
class Failure(Exception):
    """A request that failed: what the endpoint did, the way out, and whether to ask again.

    wait: seconds that the endpoint asks for
    """

    problem: str
    way_out: str
    retries: int = 0
    wait: float | None = None


class Endpoint:
    """An endpoint by its entry. Raises TextbackError where the environment has no key for it."""

    def __init__(self, name: str, entry: OpenAI) -> None:
        self.url = entry.base_url
        self._name, self._entry, self._key = name, entry, key_of(name, entry)
        for library in LIBRARIES:
            logging.getLogger(library).setLevel(logging.WARNING)
        self._client = openai.OpenAI(
            api_key=self._key,
            base_url=self.url,
            timeout=entry.timeout,
            max_retries=0,
            default_headers=_headers(self.url, self._key),
        )

    def ask(self, texts: list[str]) -> Answer:
        """The endpoint's answer to one request. Raises TextbackError where it gives none."""
        asked = 0
        while True:
            asked += 1
            try:
                return self._request(texts)
            except Failure as failure:
                if asked > failure.retries or (failure.wait or 0) > LONGEST_ASKED_WAIT:
                    raise self._error(failure, asked) from None
                wait = _back_off(asked) if failure.wait is None else failure.wait
                log.info(
                    "embedder '%s': %s %s; asks again in %.1f s",
                    *(self._name, self.url, failure.problem, wait),
                )
            time.sleep(wait)

    def _request(self, texts: list[str]) -> Answer:
        more = {} if self._entry.dimensions is None else {"dimensions": self._entry.dimensions}
        try:
            # Not every compatible server knows the client's own choice, base64.
            raw = self._client.embeddings.with_raw_response.create(
                model=self._entry.model, input=texts, encoding_format="float", **more
            )
            return read_answer(raw.http_response.text, len(texts))
        except Malformed as error:
            problem = f"answers {self._scrubbed(str(error))}"
            way_out = "check that 'base_url' is an embeddings endpoint"
            raise Failure(problem, way_out, min(MALFORMED_RETRIES, self._entry.retries)) from None
        except openai.APIStatusError as error:
            raise self._refused(error) from None
        except openai.APITimeoutError:
            problem = f"does not answer within {self._entry.timeout:g} s"
            way_out = "run again later, or raise 'timeout' or lower 'batch' in its entry"
            raise Failure(problem, way_out, self._entry.retries) from None
        except openai.OpenAIError as error:
            problem = f"cannot be reached ({self._scrubbed(str(error.__cause__ or error))})"
            way_out = "start it, or correct 'base_url'"
            raise Failure(problem, way_out, self._entry.retries) from None

    def _refused(self, error: openai.APIStatusError) -> Failure:
        """What an answer with an HTTP status of 400 or more means."""
        status, retries = error.status_code, self._entry.retries
        said = f"({status}: {self._scrubbed(error.message)})"
        wait = _asked_wait(error)
        if status in (401, 403):  # its text may repeat parts of the key
            return Failure(
                f"refuses the key ({status})",
                f"correct the environment variable {self._entry.key_variable}",
            )
        if status == 404:
            return Failure(
                f"does not know model '{self._entry.model}' {said}", "correct 'model' or 'base_url'"
            )
        if "insufficient_quota" in (error.code, error.type):
            return Failure("says that the account's quota is used up (429)", "top it up")
        if status == 429:
            return Failure("limits the rate (429)", "run again later", retries, wait)
        if status >= 500:
            return Failure(f"has a server error {said}", "run again later", retries, wait)
        return Failure(
            f"refuses the request {said}", "correct 'model' or 'dimensions', or lower 'batch'"
        )

    def _error(self, failure: Failure, asked: int) -> TextbackError:
        often = "" if asked == 1 else f", {asked} times"
        if (failure.wait or 0) > LONGEST_ASKED_WAIT:
            often = f" and asks to wait {failure.wait:.0f} s"
        return TextbackError(
            f"embedder '{self._name}': {self.url} {failure.problem}{often}: {failure.way_out}; "
            "what it answered before is kept"
        )

    def _scrubbed(self, text: str) -> str:
        """One short line without the key."""
        return " ".join(text.replace(self._key, "***").split())[:200]


def _headers(url: str, key: str) -> dict[str, str | openai.Omit]:
    """What keeps the client from telling another provider of an account with OpenAI.

    It takes an organisation, a project and any header from the environment, whatever the URL.
    """
    if f".{urlsplit(url).hostname}".endswith(".openai.com"):
        return {}
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    custom = [line.partition(":")[0].strip() for line in lines if ":" in line]
    omitted = dict.fromkeys(["OpenAI-Organization", "OpenAI-Project", *custom], openai.Omit())
    return {**omitted, "Authorization": f"Bearer {key}"}


def _back_off(asked: int) -> float:
    """Seconds to wait after so many requests: up to twice as long each time, at least half that."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (asked - 1))
    return longest * random.uniform(0.5, 1)


def _asked_wait(error: openai.APIStatusError) -> float | None:
    """Seconds that an answer's Retry-After asks to wait, if it does."""
    value = error.response.headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
