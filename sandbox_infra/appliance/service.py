"""OpenBao inside an appliance: reached through SSH, set up once, asked for tokens later."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hvac

from sandbox_infra.appliance.bootstrap import (
    BootstrapSettings,
    PublicFacts,
    configure,
    initialise,
    know_people,
    public_facts,
)
from sandbox_infra.appliance.client import check_certificate, open_client
from sandbox_infra.appliance.enrolment import WrappedSecret, issue
from sandbox_infra.errors import ApplianceError
from sandbox_infra.guest.ssh import GuestConnection
from sandbox_infra.secret import Secret
from sandbox_infra.types import Role

_LISTENER = "/etc/appliance/listener.pem"
_RESTART_TRIES = 60


def set_up(
    guest: GuestConnection,
    settings: BootstrapSettings,
    *,
    listener_cert: str,
    progress: Callable[[str], None],
) -> PublicFacts:
    """Initialise and set up OpenBao, or bring one that is set up to the present settings.

    A set-up that was interrupted left an OpenBao without data whose root token is lost; it is
    begun anew. One that was finished is never reset.

    Returns:
        What guests may know; ``ca_pem`` holds OpenBao's own certificate too.
    """
    pem = _listener_certificate(guest, listener_cert)
    if _initialised(guest, pem) and _reset_unfinished(guest):
        progress("an interrupted set-up begins anew")
        _await_uninitialised(guest, pem)
    if _initialised(guest, pem):
        facts = _converge(guest, pem, settings, progress)
    else:
        facts = _first_time(guest, pem, settings, progress)
    return PublicFacts(ca_pem=f"{pem.strip()}\n{facts.ca_pem}", ssh_ca_public=facts.ssh_ca_public)


def issue_enrolment(guest: GuestConnection, *, role: Role, listener_cert: str) -> WrappedSecret:
    """Ask OpenBao, as the operator, for a token with which a machine enrols."""
    pem = _listener_certificate(guest, listener_cert)
    with _client(guest, pem, _operator_token(guest)) as client:
        return issue(client, role)


def _first_time(
    guest: GuestConnection,
    pem: str,
    settings: BootstrapSettings,
    progress: Callable[[str], None],
) -> PublicFacts:
    progress("initialising OpenBao")
    with _client(guest, pem) as client:
        root = initialise(client, settings)
    with _client(guest, pem, root) as client:
        configure(client, settings, progress)
        facts = public_facts(client)
        _enrol_appliance(guest, issue(client, "appliance"), f"{pem.strip()}\n{facts.ca_pem}")
        client.auth.token.revoke_self()
    progress("root token revoked")
    # Only now: an interruption before this line begins anew and leaves no root token behind.
    _command(guest, "sudo /usr/local/sbin/appliance-bootstrapped")
    return facts


def _converge(
    guest: GuestConnection,
    pem: str,
    settings: BootstrapSettings,
    progress: Callable[[str], None],
) -> PublicFacts:
    progress("OpenBao is set up; bringing it up to date")
    with _client(guest, pem, _operator_token(guest)) as client:
        know_people(client, settings.users)
        facts = public_facts(client)
        _enrol_appliance(guest, issue(client, "appliance"), f"{pem.strip()}\n{facts.ca_pem}")
        return facts


def _enrol_appliance(guest: GuestConnection, wrapped: WrappedSecret, ca_pem: str) -> None:
    order = {
        "vault_addr": "https://127.0.0.1:8200",
        "role_id": wrapped.role_id,
        "wrapped_token": wrapped.token.reveal(),
        "accessor": wrapped.accessor,
        "ca_pem": ca_pem,
    }
    _command(guest, "sudo /usr/local/sbin/lab-enrol --stdin", stdin=json.dumps(order))


def _listener_certificate(guest: GuestConnection, expected: str) -> str:
    pem = _command(guest, f"cat {_LISTENER}")
    check_certificate(pem, expected)
    return pem


def _operator_token(guest: GuestConnection) -> Secret:
    return Secret(_command(guest, "sudo /usr/local/sbin/appliance-operator-token").strip())


def _initialised(guest: GuestConnection, pem: str) -> bool:
    with _client(guest, pem) as client:
        return bool(client.sys.is_initialized())


def _reset_unfinished(guest: GuestConnection) -> bool:
    answer = _command(guest, "sudo /usr/local/sbin/appliance-reset-unfinished")
    return answer.strip() == "reset"


def _await_uninitialised(guest: GuestConnection, pem: str) -> None:
    for _ in range(_RESTART_TRIES):
        try:
            if not _initialised(guest, pem):
                return
        except ApplianceError:
            pass
        time.sleep(1)
    msg = "OpenBao did not come back after its unfinished set-up was reset; run pulumi up again"
    raise ApplianceError(msg)


@contextmanager
def _client(
    guest: GuestConnection, pem: str, token: Secret | None = None
) -> Iterator[hvac.Client]:
    with (
        guest.tunnel("127.0.0.1", 8200) as port,
        open_client(f"https://127.0.0.1:{port}", pem, token) as client,
    ):
        yield client


def _command(guest: GuestConnection, command: str, *, stdin: str | None = None) -> str:
    done = guest.run(command, stdin=stdin, timeout_s=300, check=False)
    if done.code != 0:
        msg = f"{command!r} failed in the appliance: {done.stderr.strip() or done.stdout.strip()}"
        raise ApplianceError(msg)
    return done.stdout
