//! System calls as an attacker makes them: by number, past every library.

#![expect(
    unsafe_code,
    reason = "what is tried is exactly what no safe interface offers"
)]

use std::io;

use libc::c_long;

/// Makes a call whose arguments are no addresses of ours, but for none or an invalid one.
///
/// # Errors
/// As the kernel answers.
pub(super) fn call(number: c_long, arguments: [c_long; 6]) -> io::Result<()> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the table of calls that this is used for holds no address but null and the last one,
    // which is the kernel's: no memory of ours is read or written.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Makes a process. It ends at once.
///
/// # Errors
/// When the kernel refuses.
#[cfg(target_arch = "x86_64")]
pub(super) fn fork() -> io::Result<()> {
    // SAFETY: the new process does nothing but to end.
    match unsafe { libc::syscall(libc::SYS_fork) } {
        -1 => Err(io::Error::last_os_error()),
        0 => unsafe { libc::_exit(0) },
        _ => Ok(()),
    }
}

/// Descriptors that are open, below `most`.
pub(super) fn descriptors(most: i32) -> Vec<i32> {
    let is_open = |fd: &i32| {
        // SAFETY: only asks; a number that is no descriptor is answered with an error.
        let flags = unsafe { libc::fcntl(*fd, libc::F_GETFD) };
        flags >= 0
    };
    (0..most).filter(is_open).collect()
}

/// `getpid` as a 32-bit program asks for it.
#[cfg(target_arch = "x86_64")]
pub(super) fn call_of_32_bits() {
    const GETPID: i64 = 20;
    // SAFETY: the call takes nothing and writes nothing; registers that some kernels clear are
    // named.
    unsafe {
        std::arch::asm!(
            "int 0x80",
            inout("rax") GETPID => _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
}
