//! System calls: those that decoding and encoding needs exist, no others do.
//!
//! A list of what is allowed, since the kernel gets new calls with every version and each would
//! be open until somebody refused it; a list of refusals forgot `setfsuid`, which undoes the
//! signal that ends us with our parent, and datagrams to sockets with names. The price is that a
//! plugin or a C library may need what is not listed. Therefore what is refused is answered as a
//! kernel without that call would (`ENOSYS`), which every C library of the last years is written
//! for, and not with `EPERM` or death: it falls back, as from `clone3`, whose flags lie in memory
//! where no filter can look, to `clone`.
//!
//! Calls by the numbers of another table end the process: on x86-64 those of x32 and of 32-bit
//! programs, which no honest code of ours contains.

mod allowed;
mod arguments;

use std::collections::BTreeMap;

use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use crate::devices::Family;

/// Why the filter is not in place.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It cannot be written.
    #[error("the filter cannot be compiled: {0}")]
    Compile(#[from] BackendError),
    /// The kernel refused it.
    #[error("{0}")]
    Apply(#[from] seccompiler::Error),
}

/// Puts the filters in place for all threads, for good: `seccomp` itself is not allowed. With a family of devices files
/// may be opened for writing, so that something else must say which; and its commands are allowed.
pub(super) fn restrict(families: &[Family]) -> Result<(), Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    #[cfg(target_arch = "x86_64")]
    seccompiler::apply_filter_all_threads(&x32())?;
    // It starts with a check of the architecture, and ends the process for another.
    seccompiler::apply_filter_all_threads(&listed(arch, families)?)?;
    Ok(())
}

fn listed(arch: TargetArch, families: &[Family]) -> Result<BpfProgram, BackendError> {
    let always = allowed::ALLOWED.iter().chain(allowed::OLDER);
    let mut rules: BTreeMap<_, _> = always.map(|call| (*call, Vec::new())).collect();
    rules.extend(arguments::rules(families)?);
    let missing = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules, missing, SeccompAction::Allow, arch)?.try_into()
}

/// Ends the process for calls with the bit of x32. The filter above refuses them by being equal to
/// nothing on its list; that a process makes one at all is no accident.
#[cfg(target_arch = "x86_64")]
fn x32() -> BpfProgram {
    /// Where `struct seccomp_data` holds the call's number.
    const NUMBER: u32 = 0;
    /// `__X32_SYSCALL_BIT` of `<asm/unistd.h>`.
    const BIT: u32 = 0x4000_0000;
    let step = |code: u32, k: u32| seccompiler::sock_filter {
        code: u16::try_from(code).expect("instructions have 16 bits"),
        jt: 0,
        jf: 0,
        k,
    };
    let is_x32 = seccompiler::sock_filter {
        jf: 1,
        ..step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, BIT)
    };
    vec![
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, NUMBER),
        is_x32,
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_KILL_PROCESS),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ]
}
