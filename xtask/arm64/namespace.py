#!/usr/bin/env python3
"""Runs a command as root of a user, mount and PID namespace of its own, in which it may mount things and register an emulator.

All ids up to 65535 mean the same inside as outside. When the command ends, the kernel ends whatever else runs in the namespace.
"""

import ctypes
import os
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


def child(unshared, mapped):
    """Unshares, waits for the ids to be mapped, and becomes the parent of the namespace's first process."""
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID), "unshare")
    os.write(unshared, b"x")
    os.read(mapped, 1)
    os.setgid(0)
    os.setuid(0)
    check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate /")
    first = os.fork()
    if first == 0:
        os.execvp(sys.argv[1], sys.argv[1:])
    return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])


def main():
    unshared_read, unshared_write = os.pipe()
    mapped_read, mapped_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(unshared_read)
        os._exit(child(unshared_write, mapped_read) & 0xFF)
    os.close(unshared_write)
    if os.read(unshared_read, 1):
        for ids in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{ids}", "w", encoding="ascii") as file:
                file.write("0 0 65536\n")
    os.write(mapped_write, b"x")
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)


main()
