"""How the board does, read from /proc and /sys: one reading in, one Health record out.

Lives here: the files of Linux and of the Raspberry Pi that say something about temperature, power, memory, processor
and card. The root is an argument, so that a recorded tree of any board is a test. What a board does not tell is
``None``, never zero: a Zero 2 W has no under-voltage detector. Must not live here: acting on what was read.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HOT_C: Final = 80.0
"""A Raspberry Pi throttles from 80 degrees Celsius on (raspberrypi.com, frequency management)."""
_STEAL: Final = 0.10
"""Share of the processor that a hypervisor took; more than that and times are not ours."""
_BUSY: Final = 0.95
_UNDERVOLTAGE_NOW: Final = 0x1
_THROTTLED_NOW: Final = 0x2 | 0x4 | 0x8
"""get_throttled's bits: frequency capped, throttled, soft temperature limit."""
_SECTOR: Final = 512
"""Bytes of a sector in /proc/diskstats, whatever the disk's own (kernel.org, iostats)."""
_WHOLE_DISK: Final = re.compile(r"(mmcblk\d+|sd[a-z]+|vd[a-z]+|nvme\d+n\d+)")


@dataclass(frozen=True)
class Processor:
    """Jiffies since boot, all processors together (proc(5), /proc/stat)."""

    busy: int
    idle: int
    steal: int


@dataclass(frozen=True)
class Reading:
    """One look at the board."""

    uptime_s: float | None
    temperature_c: float | None
    throttled: bool | None
    undervoltage: bool | None
    memory_bytes: int | None
    """Resident memory of this process."""
    memory_free_bytes: int | None
    disk_written_bytes: int | None
    processor: Processor | None
    model: str


def read(root: Path = Path("/")) -> Reading:
    """Read the board; every file may be missing or nonsense."""
    flags = _throttled_flags(root)
    return Reading(
        uptime_s=_number(_text(root / "proc/uptime").partition(" ")[0]),
        temperature_c=_temperature(root),
        throttled=None if flags is None else bool(flags & _THROTTLED_NOW),
        undervoltage=_undervoltage(root, flags),
        memory_bytes=_resident(root),
        memory_free_bytes=_available(root),
        disk_written_bytes=_written(root),
        processor=_processor(root),
        model=_text(root / "proc/device-tree/model").rstrip("\0").strip(),
    )


def boot_id(root: Path = Path("/")) -> str:
    """Return what the kernel calls this boot (random(4)); empty where it does not say."""
    return _text(root / "proc/sys/kernel/random/boot_id").strip()


def boot_name(root: Path = Path("/")) -> str:
    """Return an opaque name of this boot for the collector, 16 hex digits; empty where the kernel does not say."""
    boot = boot_id(root)
    return hashlib.sha256(f"balise boot {boot}".encode()).hexdigest()[:16] if boot else ""


def limited_by(now: Reading, before: Reading | None) -> tuple[str, ...]:
    """Return the words of ``Measurement.limited_by`` that the board answers for."""
    words: list[str] = []
    steal = share_stolen(now, before)
    busy = cpu_percent(now, before)
    if (steal is not None and steal > _STEAL) or (busy is not None and busy > 100.0 * _BUSY):
        words.append("cpu")
    if now.throttled or (now.temperature_c is not None and now.temperature_c >= _HOT_C):
        words.append("temperature")
    if now.undervoltage:
        words.append("undervoltage")
    return tuple(words)


def cpu_percent(now: Reading, before: Reading | None) -> float | None:
    """Return the busy share of all processors between two readings, in percent."""
    if before is None or now.processor is None or before.processor is None:
        return None
    busy = now.processor.busy - before.processor.busy
    total = busy + now.processor.idle - before.processor.idle
    return 100.0 * busy / total if total > 0 else None


def share_stolen(now: Reading, before: Reading | None) -> float | None:
    """Return the share of time between two readings that a hypervisor gave to others, 0..1."""
    if before is None or now.processor is None or before.processor is None:
        return None
    total = now.processor.busy + now.processor.idle - before.processor.busy - before.processor.idle
    return (now.processor.steal - before.processor.steal) / total if total > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(text: str, scale: float = 1.0) -> float | None:
    try:
        return float(text) * scale
    except ValueError:
        return None


def _temperature(root: Path) -> float | None:
    """Return the hottest thermal zone in degrees; sysfs gives thousandths (kernel.org, thermal sysfs)."""
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*/temp"))
    found = [value for zone in zones if (value := _number(_text(zone).strip(), 0.001)) is not None]
    plausible = [value for value in found if -40.0 < value < 150.0]
    return max(plausible, default=None)


def _throttled_flags(root: Path) -> int | None:
    """Return the firmware's flags, hexadecimal with or without 0x."""
    text = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled").strip()
    try:
        return int(text, 16)
    except ValueError:
        return None


def _undervoltage(root: Path, flags: int | None) -> bool | None:
    """Return the firmware's or the rpi_volt sensor's alarm."""
    alarms = [_text(path).strip() for path in (root / "sys/class/hwmon").glob("hwmon*/in0_lcrit_alarm")]
    known = [alarm == "1" for alarm in alarms if alarm in {"0", "1"}]
    if flags is not None:
        known.append(bool(flags & _UNDERVOLTAGE_NOW))
    return any(known) if known else None


def _resident(root: Path) -> int | None:
    fields = _text(root / "proc/self/statm").split()
    pages = _number(fields[1]) if len(fields) > 1 else None
    return None if pages is None else int(pages) * os.sysconf("SC_PAGE_SIZE")


def _available(root: Path) -> int | None:
    match = re.search(r"^MemAvailable:\s+(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    return int(match[1]) * 1024 if match else None


def _written(root: Path) -> int | None:
    """Return bytes written since boot to the machine's disks; partitions are parts of them and not counted twice."""
    sectors = [
        int(fields[9])
        for fields in (line.split() for line in _text(root / "proc/diskstats").splitlines())
        if len(fields) > 9 and _WHOLE_DISK.fullmatch(fields[2]) and fields[9].isdigit()
    ]
    return sum(sectors) * _SECTOR if sectors else None


def _processor(root: Path) -> Processor | None:
    """Return the first line of /proc/stat: user nice system idle iowait irq softirq steal."""
    fields = _text(root / "proc/stat").partition("\n")[0].split()
    if len(fields) < 9 or fields[0] != "cpu" or not all(field.isdigit() for field in fields[1:9]):
        return None
    user, nice, system, idle, iowait, irq, softirq, steal = (int(field) for field in fields[1:9])
    return Processor(busy=user + nice + system + irq + softirq + steal, idle=idle + iowait, steal=steal)


def disk_free(path: Path) -> int | None:
    """Return the bytes that we may still write where ``path`` is."""
    try:
        status = os.statvfs(path)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize
