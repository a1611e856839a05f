"""
Callbacks: after a write, tell an application server, and relay what it says.

The parameters are base64 JSON in a header or in the query (OSS and TOS alike). The object
is stored before the call is made; when that fails, the answer is 203 CallbackFailed.
"""

import asyncio
import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlsplit

import aiohttp

from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.objects import Row
from ossfs.emulator.refusals import Refused, invalid

_TIMEOUT_S = 5.0
_MAX_PARAMETER = 5 * 1024
_MAX_ANSWER = 3 << 20
_MAX_URLS = 5
_OK = 200
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_VARIABLE = re.compile(r"\$\{([a-zA-Z0-9_.:-]+)\}")


@dataclass(frozen=True, slots=True)
class Callback:
    """What the client wants to be called."""

    urls: list[str]
    host: str
    body: str
    body_type: str
    variables: dict[str, str]


def wanted(call: Call) -> Callback | None:
    """Return the callback a request asks for; Refused (InvalidArgument) when it is malformed."""
    given = _parameter(call, "callback")
    if given is None:
        return None
    urls = [one.strip() for one in str(given.get("callbackUrl", "")).split(";") if one.strip()]
    body = given.get("callbackBody")
    kind = str(given.get("callbackBodyType") or _FORM)
    if not 1 <= len(urls) <= _MAX_URLS or not isinstance(body, str) or kind not in (_FORM, _JSON):
        raise _wrong(call, "callback")
    variables = _parameter(call, "callback-var") or {}
    if not all(name.startswith("x:") for name in variables):
        raise _wrong(call, "callback-var")
    return Callback(
        [one if "://" in one else f"http://{one}" for one in urls],
        str(given.get("callbackHost") or ""),
        body,
        kind,
        {name: str(value) for name, value in variables.items()},
    )


async def made(callback: Callback, call: Call, row: Row, headers: dict[str, str]) -> Answer:
    """Make the callback and relay its answer; Refused (CallbackFailed): stored all the same."""
    body = _filled(callback, call, row)
    reason = ""
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
        for url in callback.urls:
            sent = {
                "Content-Type": callback.body_type,
                "Host": callback.host or urlsplit(url).netloc,
            }
            try:
                async with session.post(url, data=body.encode(), headers=sent) as answer:
                    text = await answer.content.read(_MAX_ANSWER)
                    status = answer.status
            except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
                reason = f"Error status : -1. {url} cannot be called: {type(error).__name__}"
                continue
            if status == _OK and _is_json(text):
                return Answer(200, {**headers, "Content-Type": "application/json"}, text)
            reason = f"Error status : {status}. {url} did not answer 200 with JSON."
    raise Refused("CallbackFailed", reason, headers=headers)


def _filled(callback: Callback, call: Call, row: Row) -> str:
    known = {
        "bucket": call.bucket,
        "object": call.key,
        "etag": call.words.bare_etag(row.etag),
        "size": str(row.size),
        "mimeType": json.loads(row.headers).get("Content-Type", ""),
        "crc64": row.crc,
        "contentMd5": row.md5,
        "reqId": call.request_id,
        **callback.variables,
    }
    as_json = callback.body_type == _JSON

    def value(match: re.Match[str]) -> str:
        text = known.get(match[1], "")
        if not as_json:
            return quote_plus(text)
        return text if match[1] == "size" else json.dumps(text, ensure_ascii=False)

    return _VARIABLE.sub(value, callback.body)


def _parameter(call: Call, name: str) -> dict[str, Any] | None:
    in_header = call.own(name)
    in_query = call.query.get(name, call.query.get(call.words.header(name)))
    if in_header is not None and in_query is not None:
        raise invalid(call.words.header(name), "", "Given in the header and in the query.")
    text = in_query if in_header is None else in_header
    if text is None:
        return None
    try:
        found = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, dict) or len(text) > _MAX_PARAMETER:
        raise _wrong(call, name)
    return found


def _wrong(call: Call, name: str) -> Refused:
    return invalid(call.words.header(name), "", f"The {name} configuration is not valid.")


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
