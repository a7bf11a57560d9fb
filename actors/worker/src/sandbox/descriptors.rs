//! Open descriptors: whoever started our parent may have left some to it, and it to us.

use std::io;

/// Closes all but standard input, output and error. To be called before anything is opened.
///
/// # Errors
/// When this kernel, before 5.9, cannot.
#[expect(
    unsafe_code,
    reason = "no safe crate of ours closes descriptors that it did not open"
)]
pub fn close_inherited() -> io::Result<()> {
    // SAFETY: nothing of this process owns a descriptor above 2 yet, as the caller promises; no
    // memory is touched.
    match unsafe { libc::close_range(3, libc::c_uint::MAX, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
