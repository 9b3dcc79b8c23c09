"""Who asks MLflow: the person whose client certificate nginx has checked.

There are no passwords. nginx alone knows the proxy secret and overwrites both headers, so that a
name in them is the name in a certificate of the project's own authority.
"""

import hmac
import os
import re
import secrets

from flask import Response, request
from werkzeug.datastructures import Authorization

SECRET = os.environ["LAB_PROXY_SECRET"]
PERSON = re.compile(r"[a-z][a-z0-9_-]{0,30}")


def authenticate() -> Authorization | Response:
    """Name the person, who is made known to MLflow at first sight, without any permission."""
    from mlflow.server.auth import store  # noqa: PLC0415 - that module imports this one

    shown = request.headers.get("X-Proxy-Secret", "")
    name = request.headers.get("X-Client-CN", "")
    if not hmac.compare_digest(shown, SECRET) or not PERSON.fullmatch(name) or name == "admin":
        return Response("a client certificate of a member of the project is needed\n", status=403)
    if not store.has_user(name):
        store.create_user(name, secrets.token_urlsafe(32))
    return Authorization("basic", {"username": name})
