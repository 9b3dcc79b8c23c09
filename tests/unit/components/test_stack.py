"""What the components ask the engine for, recorded from Pulumi's mocks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

from sandbox_infra.plan.build import build_plan
from sandbox_infra.plan.model import SandboxPlan
from tests.support.stack_files import stack_file, surroundings

SENTINEL = "hvs.wrapped-token-of-the-test"


@dataclass(frozen=True)
class Asked:
    """One resource that was asked for."""

    token: str
    name: str
    inputs: dict[str, Any]


class Recorder(Mocks):
    """Remembers every resource and answers as the providers would."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.asked.append(Asked(args.typ, args.name, args.inputs))
        answers = {
            "root": "/images/root.qcow2",
            "kernel": "/images/vmlinuz",
            "initrd": "/images/initrd.img",
            "host_key": "ssh-ed25519 AAAA",
            "listener_cert": "ab" * 32,
            "ca_pem": "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n",
            "ssh_ca_public": "ssh-ed25519 AAAACA",
            "wrapped_token": SENTINEL,
            "accessor": "accessor-1",
            "role_id": "role-1",
        }
        missing = {key: answers[key] for key in answers if args.inputs.get(key, "") is None}
        return f"{args.name}-id", {**args.inputs, **missing, **answers}

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise NotImplementedError(args.token)


@pytest.fixture(scope="module", name="plan")
def fixture_plan() -> SandboxPlan:
    return build_plan(stack_file(), surroundings())


@pytest.fixture(scope="module", name="asked")
def fixture_asked(plan: SandboxPlan, tmp_path_factory: pytest.TempPathFactory) -> list[Asked]:
    """Everything that one run of the program asks for."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, project="sandbox-infra", stack="demo", preview=False)
    from sandbox_infra.components.libvirt.access import Access  # noqa: PLC0415 - after set_mocks
    from sandbox_infra.components.libvirt.stack import Stack  # noqa: PLC0415
    from sandbox_infra.site import Site  # noqa: PLC0415

    site = Site.locate()
    folder = tmp_path_factory.mktemp("images")
    access = Access(uri="test:///default", netns="", key_path="/nowhere/key")

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> pulumi.Output[str]:
        images: dict[Any, Path] = {"sandbox": folder, "appliance": folder}
        stack = Stack(plan, site, images, access)
        return stack.sandbox.host_key

    run()
    return recorder.asked


def of_type(asked: list[Asked], ending: str) -> dict[str, dict[str, Any]]:
    return {one.name: one.inputs for one in asked if one.token.endswith(ending)}


def test_two_domains_with_their_five_disks(asked: list[Asked]) -> None:
    domains = of_type(asked, "domain:Domain")
    assert set(domains) == {"sbx-demo-appliance", "sbx-demo-sandbox"}
    assert len(domains["sbx-demo-appliance"]["disks"]) == 3
    assert len(domains["sbx-demo-sandbox"]["disks"]) == 2
    assert len(of_type(asked, "volume:Volume")) == 5


def test_every_volume_has_a_key_and_an_encrypting_stylesheet(
    asked: list[Asked], plan: SandboxPlan
) -> None:
    volumes = of_type(asked, "volume:Volume")
    keys = of_type(asked, "DiskKey")
    wanted = {str(disk.key_id) for machine in plan.machines for disk in machine.disks}
    assert {inputs["key_id"] for inputs in keys.values()} == wanted
    for inputs in volumes.values():
        assert any(key in inputs["xml"]["xslt"] for key in wanted)


def test_only_root_disks_are_overlays(asked: list[Asked]) -> None:
    for name, inputs in of_type(asked, "volume:Volume").items():
        assert ("baseVolumeId" in inputs) == name.endswith("-root")


def test_the_network_leads_nowhere(asked: list[Asked]) -> None:
    (network,) = of_type(asked, "network:Network").values()
    assert network["mode"] == "none"
    assert network["dhcp"] == {"enabled": False}
    assert network["dns"] == {"enabled": False}


def test_every_interface_has_a_filter(asked: list[Asked], plan: SandboxPlan) -> None:
    filters = {inputs["name"] for inputs in of_type(asked, "InterfaceFilter").values()}
    assert filters == {machine.filter_name for machine in plan.machines}
    for inputs in of_type(asked, "domain:Domain").values():
        assert any(name in inputs["xml"]["xslt"] for name in filters)


def test_the_record_says_whose_the_stack_is(asked: list[Asked], plan: SandboxPlan) -> None:
    (record,) = of_type(asked, "StackRecord").values()
    content = json.loads(record["content"])
    assert content["owner"] == plan.identity.owner
    assert content["expires_at"] == plan.identity.expires_at.isoformat()
    assert set(record["logs"]) == {"appliance-console.log", "sandbox-console.log"}


def test_the_token_is_in_the_sandboxs_seed_and_nowhere_else(asked: list[Asked]) -> None:
    holders = {one.name for one in asked if SENTINEL in json.dumps(one.inputs, default=str)}
    assert holders == {"sbx-demo-sandbox-seed"}


def test_no_private_key_is_an_input(asked: list[Asked]) -> None:
    text = json.dumps([one.inputs for one in asked], default=str)
    assert "PRIVATE KEY" not in text


def test_readiness_of_both_machines_is_waited_for(asked: list[Asked]) -> None:
    ready = of_type(asked, "Readiness")
    assert {inputs["machine"] for inputs in ready.values()} == {
        "sbx-demo-appliance",
        "sbx-demo-sandbox",
    }


def test_components_carry_tokens_of_the_backend(asked: list[Asked]) -> None:
    tokens = {one.token for one in asked if one.token.startswith("sandbox:")}
    assert tokens == {
        "sandbox:libvirt:ApplianceServices",
        "sandbox:libvirt:EncryptedDisk",
        "sandbox:libvirt:LabNetwork",
        "sandbox:libvirt:Machine",
        "sandbox:libvirt:Stack",
        "sandbox:libvirt:StackPool",
    }
