//! System calls that tasks make, with the arguments that tasks do not give them.

use libc::c_long;

use super::call::{ALL, BAD, Call};

/// With one bad argument at least, so that they do no harm where they are possible.
pub(super) const ARGUMENTS: &[Call] = &[
    (
        "socketpair for datagrams",
        libc::SYS_socketpair,
        pair(UNIX, DATAGRAMS),
    ),
    (
        "socketpair for datagrams, closed on exec",
        libc::SYS_socketpair,
        pair(UNIX, DATAGRAMS | CLOEXEC),
    ),
    (
        "socketpair for packets",
        libc::SYS_socketpair,
        pair(UNIX, PACKETS),
    ),
    (
        "socketpair for raw packets",
        libc::SYS_socketpair,
        pair(UNIX, RAW),
    ),
    (
        "socketpair of another family",
        libc::SYS_socketpair,
        pair(NETLINK, STREAM),
    ),
    // The lowest four bits are those of a stream.
    (
        "socketpair with unknown flags",
        libc::SYS_socketpair,
        pair(UNIX, STREAM | 0x10),
    ),
    ("sendto an address", libc::SYS_sendto, ALL),
    (
        "clone into a namespace",
        libc::SYS_clone,
        clone(libc::CLONE_NEWUSER),
    ),
    (
        "clone a traced thread",
        libc::SYS_clone,
        clone(libc::CLONE_PTRACE),
    ),
    // Signal 0 harms nobody.
    ("kill all", libc::SYS_kill, [BAD, 0, 0, 0, 0, 0]),
    ("tgkill", libc::SYS_tgkill, [1, 1, BAD, 0, 0, 0]),
    ("openat to create", libc::SYS_openat, open(libc::O_CREAT)),
    ("openat to truncate", libc::SYS_openat, open(libc::O_TRUNC)),
    // Of no length.
    ("mmap shared memory", libc::SYS_mmap, SHARED),
    (
        "fcntl F_SETOWN",
        libc::SYS_fcntl,
        [BAD, libc::F_SETOWN as c_long, 1, 0, 0, 0],
    ),
    (
        "fcntl F_SETLEASE",
        libc::SYS_fcntl,
        [BAD, libc::F_SETLEASE as c_long, 1, 0, 0, 0],
    ),
    (
        "ioctl TIOCSTI",
        libc::SYS_ioctl,
        [BAD, libc::TIOCSTI as c_long, BAD, 0, 0, 0],
    ),
    (
        "ioctl FIOSETOWN",
        libc::SYS_ioctl,
        [BAD, 0x8901, BAD, 0, 0, 0],
    ),
    (
        "prctl PR_SET_PDEATHSIG",
        libc::SYS_prctl,
        option(libc::PR_SET_PDEATHSIG),
    ),
    (
        "prctl PR_SET_DUMPABLE",
        libc::SYS_prctl,
        option(libc::PR_SET_DUMPABLE),
    ),
    (
        "prctl PR_SET_SECCOMP",
        libc::SYS_prctl,
        option(libc::PR_SET_SECCOMP),
    ),
    ("prctl PR_SET_MM", libc::SYS_prctl, option(libc::PR_SET_MM)),
    (
        "prlimit64 of another",
        libc::SYS_prlimit64,
        [1, BAD, 0, 0, 0, 0],
    ),
    (
        "prlimit64 to change",
        libc::SYS_prlimit64,
        [0, BAD, BAD, 0, 0, 0],
    ),
];

/// The same, of calls that a process with a device may make.
pub(super) const OPENING: &[Call] = &[
    ("openat to write", libc::SYS_openat, open(libc::O_WRONLY)),
    (
        "openat to read and write",
        libc::SYS_openat,
        open(libc::O_RDWR),
    ),
];

const UNIX: c_long = libc::AF_UNIX as c_long;
const NETLINK: c_long = libc::AF_NETLINK as c_long;
const STREAM: c_long = libc::SOCK_STREAM as c_long;
const DATAGRAMS: c_long = libc::SOCK_DGRAM as c_long;
const PACKETS: c_long = libc::SOCK_SEQPACKET as c_long;
const RAW: c_long = libc::SOCK_RAW as c_long;
const CLOEXEC: c_long = libc::SOCK_CLOEXEC as c_long;

const SHARED: [c_long; 6] = [
    0,
    0,
    0,
    (libc::MAP_SHARED | libc::MAP_ANONYMOUS) as c_long,
    BAD,
    0,
];

const fn pair(family: c_long, kind: c_long) -> [c_long; 6] {
    [family, kind, 0, BAD, 0, 0]
}

/// Flags that the kernel finds to contradict each other, or a stack that is not there.
const fn clone(flag: i32) -> [c_long; 6] {
    [(libc::CLONE_THREAD | flag) as c_long, 0, 0, 0, 0, 0]
}

const fn open(flags: i32) -> [c_long; 6] {
    [BAD, BAD, flags as c_long, 0, 0, 0]
}

const fn option(option: i32) -> [c_long; 6] {
    [option as c_long, BAD, BAD, BAD, BAD, BAD]
}
