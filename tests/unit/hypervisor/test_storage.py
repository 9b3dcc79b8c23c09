"""Pools and volumes, in memory."""

from __future__ import annotations

import fcntl
import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import libvirt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_infra.errors import HypervisorError, ImageError
from sandbox_infra.hypervisor import storage
from sandbox_infra.plan.model import ImagePart, ImageRef
from tests.unit.hypervisor.fakes import FakePool, FakeStorage, FakeVolume, error, hypervisor

FILES: dict[ImagePart, bytes] = {
    "root.qcow2": b"root " * 20,
    "vmlinuz": b"kernel",
    "initrd.img": b"first files",
}
IMAGE = ImageRef(
    name="sandbox",
    root_sha256=hashlib.sha256(FILES["root.qcow2"]).hexdigest(),
    kernel_sha256=hashlib.sha256(FILES["vmlinuz"]).hexdigest(),
    initrd_sha256=hashlib.sha256(FILES["initrd.img"]).hexdigest(),
    root_bytes=100,
)


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def images(raw: FakeStorage) -> FakePool:
    return raw.pools[storage.IMAGE_POOL]


def test_image_is_uploaded_and_marked(folder: Path) -> None:
    raw = FakeStorage()
    paths = storage.ensure_image(hypervisor(raw), IMAGE, folder)
    pool = images(raw)
    assert pool.built
    assert pool.active
    for part, data in FILES.items():
        name = IMAGE.volume_name(part)
        assert paths[part] == f"/fake/{name}"
        assert pool.volumes[name].data == data
        assert f"{name}.ok" in pool.volumes
    assert len(pool.volumes) == 6


def test_marked_image_is_not_uploaded_again(folder: Path) -> None:
    raw = FakeStorage()
    first = storage.ensure_image(hypervisor(raw), IMAGE, folder)
    before = dict(images(raw).volumes)
    assert storage.ensure_image(hypervisor(raw), IMAGE, folder) == first
    assert all(images(raw).volumes[name] is volume for name, volume in before.items())


def test_unmarked_rest_of_an_upload_is_replaced(folder: Path) -> None:
    pool = FakePool(storage.IMAGE_POOL)
    name = IMAGE.volume_name("vmlinuz")
    pool.createXML(f"<volume><name>{name}</name></volume>").data = b"half"
    storage.ensure_image(hypervisor(FakeStorage({pool.label: pool})), IMAGE, folder)
    assert pool.volumes[name].data == FILES["vmlinuz"]


def test_wrong_checksum_is_refused_and_not_kept(folder: Path) -> None:
    raw = FakeStorage()
    (folder / "root.qcow2").write_bytes(b"tampered")
    with pytest.raises(ImageError, match="sandbox image build --force") as caught:
        storage.ensure_image(hypervisor(raw), IMAGE, folder)
    assert IMAGE.root_sha256 in str(caught.value)
    assert images(raw).volumes == {}
    assert not storage.has_image(hypervisor(raw), IMAGE)


def test_broken_upload_is_not_kept(folder: Path) -> None:
    pool = FakePool(storage.IMAGE_POOL, broken=True)
    with pytest.raises(libvirt.libvirtError):
        storage.ensure_image(hypervisor(FakeStorage({pool.label: pool})), IMAGE, folder)
    assert pool.volumes == {}


def test_has_image(folder: Path) -> None:
    raw = FakeStorage()
    assert not storage.has_image(hypervisor(raw), IMAGE)
    storage.ensure_image(hypervisor(raw), IMAGE, folder)
    assert storage.has_image(hypervisor(raw), IMAGE)
    assert not storage.has_image(hypervisor(raw), replace(IMAGE, root_sha256="f" * 64))


@given(text=st.text().filter(lambda text: not text.endswith("\0")))
def test_text_comes_back(text: str) -> None:
    raw = FakeStorage({"p": FakePool("p")}, step=1 << 20)
    storage.write_volume_text(hypervisor(raw), "p", "stack.json", text)
    raw.step = 3
    assert storage.read_volume_text(hypervisor(raw), "p", "stack.json") == text


def test_long_text_is_written_whole_where_libvirt_takes_a_part() -> None:
    raw = FakeStorage({"p": FakePool("p")}, step=7)
    storage.write_volume_text(hypervisor(raw), "p", "stack.json", "longer than seven")
    assert storage.read_volume_text(hypervisor(raw), "p", "stack.json") == "longer than seven"


def test_text_is_its_owners_and_replaces_another() -> None:
    pool = FakePool("p")
    raw = FakeStorage({"p": pool}, step=100)
    storage.write_volume_text(hypervisor(raw), "p", "stack.json", "old and longer")
    storage.write_volume_text(hypervisor(raw), "p", "stack.json", "new")
    assert storage.read_volume_text(hypervisor(raw), "p", "stack.json") == "new"
    assert "<mode>0600</mode>" in pool.volumes["stack.json"].xml


def test_missing_text_is_empty_and_a_missing_pool_an_error() -> None:
    raw = FakeStorage({"p": FakePool("p")})
    assert storage.read_volume_text(hypervisor(raw), "p", "nothing") == ""
    with pytest.raises(libvirt.libvirtError):
        storage.read_volume_text(hypervisor(raw), "q", "nothing")


def test_deleting_twice_is_fine() -> None:
    raw = FakeStorage({"p": FakePool("p")})
    storage.write_volume_text(hypervisor(raw), "p", "one", "")
    for _ in range(2):
        storage.delete_volume(hypervisor(raw), "p", "one")
        assert raw.pools["p"].volumes == {}
    storage.delete_volume(hypervisor(raw), "gone", "one")


def test_overwritten_text_is_there_at_every_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = FakeStorage({"p": FakePool("p")}, step=100)
    storage.write_volume_text(hypervisor(raw), "p", "stack.json", "old")
    monkeypatch.setattr(FakeVolume, "delete", lambda _: pytest.fail("it was deleted"))
    storage.write_volume_text(hypervisor(raw), "p", "stack.json", "newer and longer")
    assert storage.read_volume_text(hypervisor(raw), "p", "stack.json") == "newer and longer"


def test_text_of_another_program_is_found() -> None:
    raw = FakeStorage({"p": FakePool("p", unseen={"console.log": b"hello"})})
    assert storage.read_volume_text(hypervisor(raw), "p", "console.log") == "hello"


def test_busy_pool_has_no_new_text_yet() -> None:
    raw = FakeStorage({"p": FakePool("p", busy=1, unseen={"console.log": b"hello"})})
    assert storage.read_volume_text(hypervisor(raw), "p", "console.log") == ""
    assert storage.read_volume_text(hypervisor(raw), "p", "console.log") == "hello"


def test_known_text_is_read_from_a_busy_pool() -> None:
    raw = FakeStorage({"p": FakePool("p")})
    storage.write_volume_text(hypervisor(raw), "p", "stack.json", "{}")
    raw.pools["p"].busy = 9
    assert storage.read_volume_text(hypervisor(raw), "p", "stack.json") == "{}"


def test_busy_pool_is_waited_for_but_not_for_ever() -> None:
    waits: list[float] = []
    assert storage._refresh(FakePool("p", busy=3), 60, waits.append)
    assert len(waits) == 3
    assert not storage._refresh(FakePool("p", busy=1000), 60, waits.append)
    assert sum(waits[3:]) == pytest.approx(60)


def test_older_parts_of_a_log_are_deleted_with_it() -> None:
    names = ("log", "log.0", "log.12", "log.old", "logs", "xlog.0")
    pool = FakePool("p", unseen=dict.fromkeys(names, b""))
    storage.delete_volume(hypervisor(FakeStorage({"p": pool})), "p", "log")
    assert sorted(pool.volumes) == ["log.old", "logs", "xlog.0"]


def test_two_runs_do_not_send_the_same_file_at_once(folder: Path) -> None:
    raw, order = FakeStorage(), []

    def upload() -> None:
        storage.ensure_image(hypervisor(raw), IMAGE, folder)
        order.append("uploaded")

    with (folder / "root.qcow2").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        thread = threading.Thread(target=upload)
        thread.start()
        thread.join(0.2)
        order.append("free")
    thread.join(10)
    assert order == ["free", "uploaded"]


def test_free_space() -> None:
    assert storage.free_mib(hypervisor(FakeStorage())) == 6 << 10


def test_pool_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pool: FakePool) -> None:
        raise error(libvirt.VIR_ERR_SYSTEM_ERROR, "Permission denied")

    monkeypatch.setattr(FakePool, "build", refuse)
    with pytest.raises(HypervisorError, match=r"cannot be made under .*Permission denied"):
        storage.free_mib(hypervisor(FakeStorage()))
