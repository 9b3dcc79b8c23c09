"""Recovery keys: each to the next holder, never overwritten, readable by their owner only."""

from __future__ import annotations

from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives import serialization as how
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from sandbox_infra.appliance.recovery import check_recipients, hand_out
from sandbox_infra.errors import ApplianceError

SHARES = [f"share-{number}" for number in range(1, 6)]


def key_pair() -> tuple[str, pyrage.ssh.Identity]:
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(how.Encoding.OpenSSH, how.PublicFormat.OpenSSH)
    pem = private.private_bytes(how.Encoding.PEM, how.PrivateFormat.OpenSSH, how.NoEncryption())
    return f"{public.decode()} somebody@somewhere", pyrage.ssh.Identity.from_buffer(pem)


def test_shares_go_round_among_the_holders(tmp_path: Path) -> None:
    pairs = [key_pair() for _ in range(3)]
    files = hand_out(SHARES, [public for public, _ in pairs], tmp_path / "cluster")
    assert [file.name for file in files] == [f"recovery-{number}.age" for number in range(1, 6)]
    for position, file in enumerate(files):
        _, identity = pairs[position % 3]
        assert pyrage.decrypt(file.read_bytes(), [identity]).decode() == SHARES[position]


def test_a_share_opens_with_no_other_key(tmp_path: Path) -> None:
    (one, _), (_, other) = key_pair(), key_pair()
    (file,) = hand_out(SHARES[:1], [one], tmp_path)
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(file.read_bytes(), [other])


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    public, _ = key_pair()
    files = hand_out(SHARES, [public], tmp_path / "handover" / "cluster")
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "handover" / "cluster").stat().st_mode & 0o777 == 0o700


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    public, _ = key_pair()
    (file,) = hand_out(SHARES[:1], [public], tmp_path)
    before = file.read_bytes()
    with pytest.raises(FileExistsError):
        hand_out(SHARES[:1], [public], tmp_path)
    assert file.read_bytes() == before


def test_a_share_is_nowhere_in_clear(tmp_path: Path) -> None:
    public, _ = key_pair()
    for file in hand_out(SHARES, [public], tmp_path):
        assert b"share-" not in file.read_bytes()


def ecdsa() -> str:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(how.Encoding.OpenSSH, how.PublicFormat.OpenSSH).decode()


def test_accepted_recipients() -> None:
    check_recipients([key_pair()[0], key_pair()[0]])


@pytest.mark.parametrize(
    ("recipients", "word"),
    [
        ([], "nobody would get"),
        ([ecdsa()], "'ecdsa-sha2-nistp256'"),
        (["ssh-ed25519 garbage"], "'ssh-ed25519'"),
        ([key_pair()[0], ""], "key of type ''"),
    ],
)
def test_refused_recipients(recipients: list[str], word: str) -> None:
    with pytest.raises(ApplianceError, match="recovery_recipients") as refused:
        check_recipients(recipients)
    assert word in str(refused.value)


def test_a_refusal_does_not_repeat_the_key() -> None:
    with pytest.raises(ApplianceError) as refused:
        check_recipients(["ssh-ed25519 AAAAnotakey"])
    assert "AAAAnotakey" not in str(refused.value)
