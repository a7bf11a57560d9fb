//! Calls that are allowed with some arguments alone: with others they reach out of the process.

use libc::{c_int, c_long};
use seccompiler::{
    BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition as Condition, SeccompRule,
};

use crate::devices::Family;

/// How every C library starts a thread: all is shared, and no namespace is made.
const THREAD: c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID;
/// What opening a file must not ask for. An unnamed file needs write access, too.
const WRITING: c_int = libc::O_ACCMODE | CHANGING;
/// What opening a device must not ask for, which is there and has no length.
const CHANGING: c_int = libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | UNNAMED;
/// `__O_TMPFILE` of `<asm-generic/fcntl.h>`: `O_TMPFILE` without the bit of folders that is in it.
const UNNAMED: c_int = libc::O_TMPFILE & !libc::O_DIRECTORY;
/// A pair of these knows nobody but each other; a datagram's can be sent to a name.
const PAIRS: &[c_int] = &[
    libc::SOCK_STREAM,
    libc::SOCK_STREAM | libc::SOCK_CLOEXEC,
    libc::SOCK_STREAM | libc::SOCK_NONBLOCK,
    libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
];
/// Not among them: `F_SETOWN`, by which a descriptor signals others.
const DESCRIPTOR_COMMANDS: &[c_int] = &[
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
];
/// Not among them: `TIOCSTI`, which types on a terminal.
const DEVICE_COMMANDS: &[libc::Ioctl] = &[
    libc::FIONBIO,
    libc::FIONREAD,
    libc::FIOCLEX,
    libc::FIONCLEX,
    // Whether something is a terminal.
    libc::TCGETS,
];
/// Names of threads and of memory, and what the processor can. Not among them: `PR_SET_PDEATHSIG`,
/// which would let us outlive our worker.
const PROCESS_OPTIONS: &[c_int] = &[
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    PR_SET_VMA,
    PR_GET_AUXV,
];
/// Of `<linux/prctl.h>`; the libc crate has it for other systems alone.
const PR_SET_VMA: c_int = 0x5356_4d41;
/// Of `<linux/prctl.h>`, since Linux 6.4.
const PR_GET_AUXV: c_int = 0x4155_5856;

/// Each call with its rules: one of them must hold.
pub(super) fn rules(families: &[Family]) -> Result<Vec<(c_long, Vec<SeccompRule>)>, BackendError> {
    let opening = if families.is_empty() {
        WRITING
    } else {
        CHANGING
    };
    let ours = u64::from(std::process::id());
    let mut rules = vec![
        (libc::SYS_clone, vec![all([is(0, bits(THREAD))])?]),
        // `abort` and `raise` signal ourselves.
        (libc::SYS_kill, vec![all([is(0, ours)])?]),
        (libc::SYS_tgkill, vec![all([is(0, ours)])?]),
        (libc::SYS_openat, vec![all([has_none(2, opening)])?]),
        (libc::SYS_fcntl, any(1, DESCRIPTOR_COMMANDS)?),
        (libc::SYS_prctl, any(0, PROCESS_OPTIONS)?),
        (libc::SYS_socketpair, pairs()?),
        (libc::SYS_mmap, vec![files()?, private()?]),
        // Our own limits, to be read.
        (libc::SYS_prlimit64, vec![all([is(0, 0), is_null(2)])?]),
        // To nobody but the peer.
        (libc::SYS_sendto, vec![all([is_null(4)])?]),
    ];
    let commands = DEVICE_COMMANDS.iter().map(|command| all([is(1, *command)]));
    let commands = commands.chain(of_devices(families));
    rules.push((libc::SYS_ioctl, commands.collect::<Result<_, _>>()?));
    #[cfg(target_arch = "x86_64")]
    rules.push((libc::SYS_open, vec![all([has_none(1, opening)])?]));
    Ok(rules)
}

/// What drivers are told. On which descriptor, landlock says.
fn of_devices(families: &[Family]) -> impl Iterator<Item = Result<SeccompRule, BackendError>> + '_ {
    let commands = families.iter().flat_map(|family| family.commands());
    commands.map(|commands| {
        let masked = SeccompCmpOp::MaskedEq(commands.mask.into());
        all([Condition::new(
            1,
            SeccompCmpArgLen::Dword,
            masked,
            commands.value.into(),
        )])
    })
}

/// Memory that is a file's.
fn files() -> Result<SeccompRule, BackendError> {
    all([has_none(3, libc::MAP_ANONYMOUS)])
}

/// Memory that is ours alone. What is shared without a file stays taken when we seem to give it
/// back: neither the limit of the kernel nor our parent would count it.
fn private() -> Result<SeccompRule, BackendError> {
    let kind = SeccompCmpOp::MaskedEq(bits(libc::MAP_TYPE));
    let is_private = Condition::new(3, SeccompCmpArgLen::Dword, kind, bits(libc::MAP_PRIVATE));
    all([is_private])
}

fn pairs() -> Result<Vec<SeccompRule>, BackendError> {
    let pair = |kind: &c_int| all([is(0, bits(libc::AF_UNIX)), is(1, bits(*kind)), is(2, 0)]);
    PAIRS.iter().map(pair).collect()
}

fn any(argument: u8, values: &[c_int]) -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |value: &c_int| all([is(argument, bits(*value))]);
    values.iter().map(rule).collect()
}

fn all<const N: usize>(
    conditions: [Result<Condition, BackendError>; N],
) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}

/// The kernel reads these as 32 bits.
fn is(argument: u8, value: u64) -> Result<Condition, BackendError> {
    Condition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn is_null(argument: u8) -> Result<Condition, BackendError> {
    Condition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

fn has_none(argument: u8, mask: c_int) -> Result<Condition, BackendError> {
    let masked = SeccompCmpOp::MaskedEq(bits(mask));
    Condition::new(argument, SeccompCmpArgLen::Dword, masked, 0)
}

fn bits(value: c_int) -> u64 {
    u64::from(value.cast_unsigned())
}
