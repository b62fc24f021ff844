"""What a submission may not do: limits that its process sets before it looks at the code.

This file is copied beside what runs in the sandbox and uses the standard library alone. On Linux
the kernel keeps two fences that nobody inside can open again, and neither needs a right that a user
lacks. *Landlock* says which folders may be read and written. A *seccomp* filter refuses the calls
with which a process starts others, sends signals, opens connections, changes what other processes
may use, or changes the rights of files. Elsewhere there are the limits of `resource`, where the
system has them, and what the grader watches from outside.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence

MIB = 2**20
_FILE_MIB = 64  # the longest file
_OPEN_FILES = 256
_ROOM = 4096 * MIB  # addresses beside the memory in use: what libraries map and never touch


class Open(RuntimeError):
    """The system lacks a piece of the fence."""


def close(readable: Sequence[str], writable: Sequence[str], memory: int, seconds: int) -> None:
    """Limit this process, for good, to these folders, this many bytes and seconds.

    Raises
    ------
    Open
        If the system does not keep files, processes and connections apart; the limits stand then.
    """
    _limit(memory, seconds)
    if not sys.platform.startswith("linux"):
        raise Open(f"{platform.system()} has no fence that this program knows")
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.prctl, 38, 1, 0, 0, 0, what="PR_SET_NO_NEW_PRIVS")
    _close_files(libc, readable, writable)
    _close_calls(libc)


def _limit(memory: int, seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {
        "RLIMIT_CPU": 2 * seconds,  # the grader's own clock stops it first
        "RLIMIT_FSIZE": _FILE_MIB * MIB,
        "RLIMIT_NOFILE": _OPEN_FILES,
        "RLIMIT_CORE": 0,
    }
    if sys.platform.startswith("linux"):
        limits["RLIMIT_AS"] = 2 * memory + _ROOM
        with open("/proc/self/oom_score_adj", "w") as file:  # if memory ends, this goes first
            file.write("1000")
    else:
        limits["RLIMIT_NPROC"] = 0  # no process may be started; elsewhere threads count, too
    for name, most in limits.items():
        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (most, most))


def _call(function, *arguments, what: str) -> int:
    found = function(*arguments)
    if found < 0:
        raise Open(f"{what}: {os.strerror(ctypes.get_errno())}")
    return int(found)


# --- files: Landlock ------------------------------------------------------------------------------

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every processor
_READ = 1 << 2 | 1 << 3  # files, folders
_OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14  # run, write, read, truncate
_ALL = (1 << 15) - 1  # everything that version 3 knows
_OLDEST = 3  # before it, a file that may not be written may be emptied


def _close_files(libc: ctypes.CDLL, readable: Sequence[str], writable: Sequence[str]) -> None:
    version = libc.syscall(_CREATE, None, 0, 1)
    if version < _OLDEST:
        raise Open("the kernel has no Landlock of version 3 (Linux 6.2 or later has)")
    # Files; from version 4 on connections, from 6 on signals and abstract sockets.
    handled = [_ALL | (1 << 15 if version >= 5 else 0)]
    handled += [0b11] * (version >= 4) + [0b11] * (version >= 6)
    attributes = struct.pack(f"{len(handled)}Q", *handled)
    rules = _call(libc.syscall, _CREATE, attributes, len(attributes), 0, what="Landlock")
    for paths, access in ((readable, _READ), (writable, _ALL ^ 1)):
        for path in paths:
            _allow(libc, rules, path, access)
    _call(libc.syscall, _RESTRICT, rules, 0, what="Landlock")
    os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: str, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # what is not there need not be allowed
        return
    try:
        if not os.path.isdir(path):
            access &= _OF_FILES
        rule = struct.pack("=Qi", access, place)
        _call(libc.syscall, _ADD, rules, 1, rule, 0, what=f"Landlock, {path}")
    finally:
        os.close(place)


# --- calls: seccomp -------------------------------------------------------------------------------

# Numbers of the calls on x86-64 and on 64-bit ARM, which lacks some; from 424 on they are one.
_REFUSED = {
    # other processes: to start them, to signal them, to look into them, to slow them
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272),
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274), "sched_setaffinity": (203, 122), "ioprio_set": (251, 30),
    # connections, and a way round this filter
    "socket": (41, 198), "io_uring_setup": (425, 425),
    # rights and dates of files, which Landlock leaves open
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "truncate": (76, 45), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "fanotify_init": (300, 262),
    # memory that is nobody's
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    # what belongs to the system
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsmount": (432, 432), "mount_setattr": (442, 442),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "reboot": (169, 142), "sethostname": (170, 161), "setdomainname": (171, 162),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171),
    "clock_adjtime": (305, 266), "acct": (163, 89), "swapon": (167, 224), "swapoff": (168, 225),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "quotactl": (179, 60),
    "syslog": (103, 116), "vhangup": (153, 58), "personality": (135, 92),
}  # fmt: skip
_CLONE, _CLONE3, _PRLIMIT = (56, 220), (435, 435), (302, 261)
_PROCESSORS = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_A_THREAD = 0x10000  # CLONE_THREAD
_LOAD, _EQUAL, _AT_LEAST, _HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _PROCESSOR, _FIRST = 0, 4, 16  # where the filter finds the call and its first argument
_FINE, _KILL = 0x7FFF0000, 0x80000000


def _refuse(code: int) -> int:
    return 0x00050000 | code


def _close_calls(libc: ctypes.CDLL) -> None:
    if platform.machine() not in _PROCESSORS:
        raise Open(f"no list of calls for the processor {platform.machine()!r}")
    column, processor = _PROCESSORS[platform.machine()]
    program = _filter(column, processor)
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    whole = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    _call(libc.prctl, 22, 2, whole, 0, 0, what="seccomp")


def _filter(column: int, processor: int) -> list[tuple[int, int, int, int]]:
    """The filter: (operation, lines to jump if true, if false, operand), from top to bottom."""

    def first_argument(number: int, test: int, operand: int) -> list[tuple[int, int, int, int]]:
        """Allow this call if its first argument passes the test."""
        return [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _FIRST),
            (test, 0, 1, operand),
            (_RETURN, 0, 0, _FINE),
            (_RETURN, 0, 0, _refuse(errno.EPERM)),
        ]

    lines = [
        (_LOAD, 0, 0, _PROCESSOR),
        (_EQUAL, 1, 0, processor),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, 0x40000000),  # the calls of x32, by which these could be got round
        (_RETURN, 0, 0, _refuse(errno.EPERM)),
        # Threads are no processes. The C library asks by clone where it finds no clone3.
        *first_argument(_CLONE[column], _HAS, _A_THREAD),
        (_EQUAL, 0, 1, _CLONE3[column]),
        (_RETURN, 0, 0, _refuse(errno.ENOSYS)),
        *first_argument(_PRLIMIT[column], _EQUAL, 0),  # its own limits, nobody else's
    ]
    for numbers in _REFUSED.values():
        number = numbers[column]
        if number is not None:
            lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _refuse(errno.EPERM))]
    return [*lines, (_RETURN, 0, 0, _FINE)]
