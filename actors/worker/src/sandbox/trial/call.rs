//! System calls that media has no business with, one line each, with arguments that do no harm
//! where they are possible: the kernel then complains of the arguments.

use std::io;

use libc::c_long;

use super::arguments::{ARGUMENTS, OPENING};
use super::{Attempt, raw};
use crate::devices::{Commands, Family};

/// No descriptor, process, command, flag or address of ours.
pub(super) const BAD: c_long = -1;
/// All arguments bad.
pub(super) const ALL: [c_long; 6] = [BAD; 6];

/// A call by its name and number, with its arguments.
pub(super) type Call = (&'static str, c_long, [c_long; 6]);

/// Tries them all. `refused` is set where the call does not exist here or is not permitted; any
/// other complaint means that the call is there.
#[must_use]
pub fn calls() -> Vec<Attempt> {
    let mut calls = calls_beside_devices();
    calls.extend(OPENING.iter().map(tried));
    calls
}

/// The same without those that a process with a device may make.
pub(super) fn calls_beside_devices() -> Vec<Attempt> {
    let all = ON_ALL.iter().chain(ON_ONE).chain(ARGUMENTS);
    all.map(tried).collect()
}

/// Whether a driver of this family could be sent commands of a kind, by one of them, on no device.
pub(super) fn command(family: Family, Commands { mask, value }: Commands) -> Attempt {
    let number = value | (!mask & 1);
    let arguments = [BAD, c_long::from(number), BAD, BAD, BAD, BAD];
    Attempt {
        what: format!("send the command {number:#x} to a device ({family:?})"),
        ..tried(&("ioctl", libc::SYS_ioctl, arguments))
    }
}

fn tried((name, number, arguments): &Call) -> Attempt {
    Attempt {
        what: format!("call {name}"),
        refused: raw::call(*number, *arguments)
            .err()
            .filter(is_refusal)
            .map(|error| error.to_string()),
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}

/// Refused whatever the arguments are, on every architecture.
const ON_ALL: &[Call] = &[
    // The network.
    ("socket", libc::SYS_socket, ALL),
    ("connect", libc::SYS_connect, ALL),
    ("bind", libc::SYS_bind, ALL),
    ("listen", libc::SYS_listen, ALL),
    ("accept4", libc::SYS_accept4, ALL),
    ("sendmsg", libc::SYS_sendmsg, ALL),
    ("sendmmsg", libc::SYS_sendmmsg, ALL),
    ("recvmsg", libc::SYS_recvmsg, ALL),
    // Ways round a filter.
    ("io_uring_setup", libc::SYS_io_uring_setup, ALL),
    ("io_uring_enter", libc::SYS_io_uring_enter, ALL),
    ("io_uring_register", libc::SYS_io_uring_register, ALL),
    ("io_setup", libc::SYS_io_setup, ALL),
    ("clone3", libc::SYS_clone3, ALL),
    ("openat2", libc::SYS_openat2, ALL),
    ("seccomp", libc::SYS_seccomp, ALL),
    // Programs, and other processes.
    ("execve", libc::SYS_execve, ALL),
    ("execveat", libc::SYS_execveat, ALL),
    ("ptrace", libc::SYS_ptrace, ALL),
    ("process_vm_readv", libc::SYS_process_vm_readv, ALL),
    ("process_vm_writev", libc::SYS_process_vm_writev, ALL),
    ("process_madvise", libc::SYS_process_madvise, ALL),
    ("process_mrelease", libc::SYS_process_mrelease, ALL),
    ("move_pages", libc::SYS_move_pages, ALL),
    ("migrate_pages", libc::SYS_migrate_pages, ALL),
    ("kcmp", libc::SYS_kcmp, ALL),
    ("pidfd_open", libc::SYS_pidfd_open, ALL),
    ("pidfd_getfd", libc::SYS_pidfd_getfd, ALL),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal, ALL),
    ("tkill", libc::SYS_tkill, ALL),
    ("rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo, ALL),
    ("rt_tgsigqueueinfo", libc::SYS_rt_tgsigqueueinfo, ALL),
    ("setpriority", libc::SYS_setpriority, ALL),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, ALL),
    // Messages and memory that others find by a key or a name.
    ("shmget", libc::SYS_shmget, [BAD, BAD, 0, 0, 0, 0]),
    ("shmat", libc::SYS_shmat, ALL),
    ("shmctl", libc::SYS_shmctl, ALL),
    ("msgget", libc::SYS_msgget, [BAD, 0, 0, 0, 0, 0]),
    ("msgsnd", libc::SYS_msgsnd, ALL),
    ("msgctl", libc::SYS_msgctl, ALL),
    ("semget", libc::SYS_semget, [BAD, BAD, 0, 0, 0, 0]),
    ("semop", libc::SYS_semop, ALL),
    ("semctl", libc::SYS_semctl, ALL),
    ("mq_open", libc::SYS_mq_open, ALL),
    ("mq_unlink", libc::SYS_mq_unlink, ALL),
    ("mq_timedsend", libc::SYS_mq_timedsend, ALL),
    ("mq_notify", libc::SYS_mq_notify, ALL),
    ("memfd_create", libc::SYS_memfd_create, ALL),
    // Other views of the system.
    ("unshare", libc::SYS_unshare, ALL),
    ("setns", libc::SYS_setns, ALL),
    ("mount", libc::SYS_mount, ALL),
    ("umount2", libc::SYS_umount2, ALL),
    ("pivot_root", libc::SYS_pivot_root, ALL),
    ("chroot", libc::SYS_chroot, ALL),
    ("open_tree", libc::SYS_open_tree, ALL),
    ("move_mount", libc::SYS_move_mount, ALL),
    ("fsopen", libc::SYS_fsopen, ALL),
    ("fsconfig", libc::SYS_fsconfig, ALL),
    ("fsmount", libc::SYS_fsmount, ALL),
    ("fspick", libc::SYS_fspick, ALL),
    ("mount_setattr", libc::SYS_mount_setattr, ALL),
    ("name_to_handle_at", libc::SYS_name_to_handle_at, ALL),
    ("open_by_handle_at", libc::SYS_open_by_handle_at, ALL),
    // Files by name, changed without being opened.
    ("truncate", libc::SYS_truncate, ALL),
    ("mknodat", libc::SYS_mknodat, ALL),
    ("mkdirat", libc::SYS_mkdirat, ALL),
    ("unlinkat", libc::SYS_unlinkat, ALL),
    ("linkat", libc::SYS_linkat, ALL),
    ("symlinkat", libc::SYS_symlinkat, ALL),
    ("renameat2", libc::SYS_renameat2, ALL),
    ("fchmodat", libc::SYS_fchmodat, ALL),
    ("fchownat", libc::SYS_fchownat, ALL),
    ("utimensat", libc::SYS_utimensat, ALL),
    ("setxattr", libc::SYS_setxattr, ALL),
    ("removexattr", libc::SYS_removexattr, ALL),
    ("inotify_init1", libc::SYS_inotify_init1, ALL),
    ("fanotify_init", libc::SYS_fanotify_init, ALL),
    ("splice", libc::SYS_splice, ALL),
    ("vmsplice", libc::SYS_vmsplice, ALL),
    // Other users: some also undo the signal that ends us with our parent.
    ("setuid", libc::SYS_setuid, ALL),
    ("setgid", libc::SYS_setgid, ALL),
    ("setreuid", libc::SYS_setreuid, ALL),
    ("setregid", libc::SYS_setregid, ALL),
    ("setresuid", libc::SYS_setresuid, ALL),
    ("setresgid", libc::SYS_setresgid, ALL),
    ("setfsuid", libc::SYS_setfsuid, ALL),
    ("setfsgid", libc::SYS_setfsgid, ALL),
    ("setgroups", libc::SYS_setgroups, ALL),
    ("capset", libc::SYS_capset, ALL),
    ("personality", libc::SYS_personality, ALL),
    // The kernel itself.
    ("bpf", libc::SYS_bpf, ALL),
    ("perf_event_open", libc::SYS_perf_event_open, ALL),
    ("userfaultfd", libc::SYS_userfaultfd, ALL),
    ("keyctl", libc::SYS_keyctl, ALL),
    ("add_key", libc::SYS_add_key, ALL),
    ("request_key", libc::SYS_request_key, ALL),
    ("init_module", libc::SYS_init_module, [BAD, 0, BAD, 0, 0, 0]),
    ("finit_module", libc::SYS_finit_module, ALL),
    ("delete_module", libc::SYS_delete_module, ALL),
    ("kexec_load", libc::SYS_kexec_load, ALL),
    ("kexec_file_load", libc::SYS_kexec_file_load, ALL),
    ("reboot", libc::SYS_reboot, ALL),
    ("swapon", libc::SYS_swapon, ALL),
    ("swapoff", libc::SYS_swapoff, ALL),
    ("acct", libc::SYS_acct, ALL),
    ("syslog", libc::SYS_syslog, ALL),
    ("settimeofday", libc::SYS_settimeofday, ALL),
    ("clock_settime", libc::SYS_clock_settime, ALL),
    ("clock_adjtime", libc::SYS_clock_adjtime, ALL),
    ("sethostname", libc::SYS_sethostname, ALL),
    ("setdomainname", libc::SYS_setdomainname, ALL),
    ("quotactl", libc::SYS_quotactl, ALL),
];

/// Refused whatever the arguments are; other architectures do not have them.
#[cfg(target_arch = "x86_64")]
const ON_ONE: &[Call] = &[
    ("mknod", libc::SYS_mknod, ALL),
    ("chmod", libc::SYS_chmod, ALL),
    ("chown", libc::SYS_chown, ALL),
    ("rename", libc::SYS_rename, ALL),
    ("unlink", libc::SYS_unlink, ALL),
    ("creat", libc::SYS_creat, ALL),
    ("setrlimit", libc::SYS_setrlimit, ALL),
    ("modify_ldt", libc::SYS_modify_ldt, [0; 6]),
    ("iopl", libc::SYS_iopl, ALL),
    ("ioperm", libc::SYS_ioperm, ALL),
    ("arch_prctl", libc::SYS_arch_prctl, ALL),
];
#[cfg(not(target_arch = "x86_64"))]
const ON_ONE: &[Call] = &[];
