"""The part of libvirt's surface that its built-in test driver lacks, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import libvirt
from lxml import etree

from sandbox_infra.hypervisor.connection import Hypervisor


def error(code: int, message: str = "as the test wants it") -> libvirt.libvirtError:
    """An error as libvirt raises it."""
    libvirt.virResetLastError()
    made = libvirt.libvirtError(message)
    made.err = (code, 0, message, 2, "", "", "", 0, 0)
    return made


def hypervisor(raw: Any) -> Hypervisor:
    """A connection to a fake."""
    return Hypervisor(uri="fake:///", raw=raw)


def text_of(xml: str, path: str) -> str:
    """A text in some XML."""
    return etree.fromstring(xml.encode()).findtext(path) or ""


@dataclass
class FakeStream:
    """Takes a few bytes at a time, as the real one may."""

    step: int = 7
    volume: FakeVolume | None = None
    position: int = 0
    finished: bool = False

    def send(self, data: bytes) -> int:
        assert self.volume is not None
        if self.volume.broken:
            raise error(libvirt.VIR_ERR_INTERNAL_ERROR, "No space left on device")
        taken = data[: self.step]
        end = self.position + len(taken)
        self.volume.data = self.volume.data[: self.position] + taken + self.volume.data[end:]
        self.position = end
        return len(taken)

    def recv(self, size: int) -> bytes:
        assert self.volume is not None
        part = self.volume.data[self.position : self.position + min(size, self.step)]
        self.position += len(part)
        return part

    def finish(self) -> int:
        self.finished = True
        return 0

    def abort(self) -> int:
        self.finished = True
        return 0


@dataclass
class FakeVolume:
    """A volume of a fake pool."""

    pool: FakePool
    name: str
    xml: str = ""
    data: bytes = b""
    broken: bool = False

    def path(self) -> str:
        return f"/fake/{self.name}"

    def info(self) -> list[int]:
        return [0, len(self.data), len(self.data)]

    def upload(self, stream: FakeStream, _offset: int, _length: int, _flags: int) -> None:
        stream.volume = self

    def download(self, stream: FakeStream, _offset: int, _length: int, _flags: int) -> None:
        stream.volume = self

    def delete(self) -> None:
        del self.pool.volumes[self.name]


@dataclass
class FakePool:
    """A pool.

    ``broken`` breaks the uploads into it, ``busy`` the next refreshes; ``unseen`` are files that
    another program has put there.
    """

    label: str
    uuid: str = "0"
    target: str = "/somewhere"
    active: bool = True
    broken: bool = False
    built: bool = False
    busy: int = 0
    unseen: dict[str, bytes] = field(default_factory=dict)
    volumes: dict[str, FakeVolume] = field(default_factory=dict)

    def name(self) -> str:
        return self.label

    def UUIDString(self) -> str:  # noqa: N802 - libvirt's name
        return self.uuid

    def XMLDesc(self, _flags: int = 0) -> str:  # noqa: N802 - libvirt's name
        return f"<pool><target><path>{self.target}</path></target></pool>"

    def isActive(self) -> bool:  # noqa: N802 - libvirt's name
        return self.active

    def build(self) -> None:
        self.built = True

    def create(self) -> None:
        self.active = True

    def setAutostart(self, _flag: int) -> None:  # noqa: N802 - libvirt's name
        """Nothing starts by itself here."""

    def refresh(self) -> None:
        if self.busy:
            self.busy -= 1
            raise error(libvirt.VIR_ERR_INTERNAL_ERROR, "pool 'p' has asynchronous jobs running.")
        for name in self.unseen:
            self.createXML(f"<volume><name>{name}</name></volume>").data = self.unseen[name]
        self.unseen = {}

    def info(self) -> list[int]:
        return [2, 10 << 30, 4 << 30, 6 << 30]

    def listVolumes(self) -> list[str]:  # noqa: N802 - libvirt's name
        return list(self.volumes)

    def storageVolLookupByName(self, name: str) -> FakeVolume:  # noqa: N802 - libvirt's name
        if name not in self.volumes:
            raise error(libvirt.VIR_ERR_NO_STORAGE_VOL)
        return self.volumes[name]

    def createXML(self, xml: str, _flags: int = 0) -> FakeVolume:  # noqa: N802 - libvirt's name
        volume = FakeVolume(self, text_of(xml, "name"), xml=xml, broken=self.broken)
        assert volume.name not in self.volumes
        self.volumes[volume.name] = volume
        return volume


@dataclass
class FakeStorage:
    """A connection with pools only."""

    pools: dict[str, FakePool] = field(default_factory=dict)
    step: int = 7

    def storagePoolLookupByName(self, name: str) -> FakePool:  # noqa: N802 - libvirt's name
        if name not in self.pools:
            raise error(libvirt.VIR_ERR_NO_STORAGE_POOL)
        return self.pools[name]

    def storagePoolDefineXML(self, xml: str) -> FakePool:  # noqa: N802 - libvirt's name
        name = text_of(xml, "name")
        self.pools[name] = FakePool(name, active=False, target=text_of(xml, "target/path"))
        return self.pools[name]

    def listAllStoragePools(self) -> list[FakePool]:  # noqa: N802 - libvirt's name
        return list(self.pools.values())

    def newStream(self, _flags: int) -> FakeStream:  # noqa: N802 - libvirt's name
        return FakeStream(step=self.step)


@dataclass
class FakeSecret:
    """A secret that remembers what was set."""

    keeper: FakeSecrets
    uuid: str
    xml: str = ""
    value: bytes | None = None

    def XMLDesc(self) -> str:  # noqa: N802 - libvirt's name
        return self.xml

    def setValue(self, value: bytes, _flags: int) -> None:  # noqa: N802 - libvirt's name
        if self.keeper.refuses:
            raise error(libvirt.VIR_ERR_INTERNAL_ERROR)
        self.value = value

    def undefine(self) -> None:
        del self.keeper.found[self.uuid]


@dataclass
class FakeSecrets:
    """A connection with secrets only; ``refuses`` refuses values, ``failing`` everything."""

    refuses: bool = False
    failing: bool = False
    found: dict[str, FakeSecret] = field(default_factory=dict)

    def secretDefineXML(self, xml: str) -> FakeSecret:  # noqa: N802 - libvirt's name
        secret = self.found.setdefault(
            text_of(xml, "uuid"), FakeSecret(self, text_of(xml, "uuid"))
        )
        secret.xml = xml
        return secret

    def secretLookupByUUIDString(self, uuid: str) -> FakeSecret:  # noqa: N802 - libvirt's name
        if self.failing:
            raise error(libvirt.VIR_ERR_INTERNAL_ERROR)
        if uuid not in self.found:
            raise error(libvirt.VIR_ERR_NO_SECRET)
        return self.found[uuid]


@dataclass
class FakeFilters:
    """A connection with filters only, by name."""

    failing: bool = False
    found: dict[str, str] = field(default_factory=dict)

    def nwfilterDefineXML(self, xml: str) -> None:  # noqa: N802 - libvirt's name
        self.found[etree.fromstring(xml).get("name", "")] = xml

    def nwfilterLookupByName(self, name: str) -> Any:  # noqa: N802 - libvirt's name
        if self.failing:
            raise error(libvirt.VIR_ERR_INTERNAL_ERROR)
        if name not in self.found:
            raise error(libvirt.VIR_ERR_NO_NWFILTER)
        return FakeFilter(self, name)


@dataclass
class FakeFilter:
    """A filter."""

    keeper: FakeFilters
    name: str

    def undefine(self) -> None:
        del self.keeper.found[self.name]
