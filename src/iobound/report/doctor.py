"""A machine, as lines for people: the facts, and what would bite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iobound.signals.machine import Machine

FEW_DESCRIPTORS = 4096
GIB = 1 << 30


def rows(machine: Machine) -> list[tuple[str, str]]:
    """The facts, each with its name."""
    return [
        ("python", f"{machine.python}, {'with' if machine.gil else 'without'} the GIL"),
        ("system", machine.system),
        ("processors", f"{machine.allowed_cpus:g} of {machine.cpus} may be used"),
        ("memory", _memory(machine)),
        ("descriptors", _descriptors(machine)),
        ("to_thread", f"{machine.to_thread_pool} threads in asyncio's default pool"),
        ("extras", "  ".join(f"{name} {'yes' if there else 'no'}" for name, there in machine.extras.items())),
    ]


def warnings(machine: Machine) -> list[tuple[str, str]]:
    """What would bite, each with what to do about it."""
    found = []
    soft, fair = machine.descriptors, machine.fair_descriptors
    if soft is not None and soft < FEW_DESCRIPTORS and fair is not None:
        told = f"{soft:,} open files are allowed: about {fair:,} connections at once are safe"
        found.append((told, f"ulimit -n {min(8192, machine.most_descriptors or 8192)} raises it for this shell"))
    if machine.allowed_cpus < machine.cpus:
        told = f"pools sized by os.cpu_count() see {machine.cpus} processors, and {machine.allowed_cpus:g} may be used"
        found.append((told, "say how many workers you want, wherever a library asks"))
    if machine.to_thread_pool < 32:  # noqa: PLR2004 - what iobound takes on threads
        told = f"asyncio.to_thread and getaddrinfo share {machine.to_thread_pool} threads per loop"
        found.append((told, "iobound sizes the pool of its own loops by concurrency; elsewhere set_default_executor"))
    return found


def _memory(machine: Machine) -> str:
    if machine.memory is None:
        return "not told by this platform"
    return f"{machine.memory / GIB:.1f} GiB" + (" (limit of the control group)" if machine.memory_is_limited else "")


def _descriptors(machine: Machine) -> str:
    if machine.descriptors is None:
        return "not limited on this platform"
    return f"{machine.open_descriptors or 0} open, {machine.descriptors:,} allowed (up to {machine.most_descriptors:,})"
