//! Which of several sockets with one address takes a datagram.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Steers the datagrams of sockets that share an address: those that the kernel takes in on the processor with number
/// `processors[i]` go to socket `i`, in the order in which they were bound; those of other processors as the
/// kernel chooses by itself, by the hash of addresses and ports. Without any processors that are all, as before the first
/// call. What waits in a socket stays there. `socket` is any of them.
///
/// # Errors
/// `InvalidInput`: there are more processors than such a program has room for. Else what the system says:
/// Linux can do it from 4.5 on.
pub(in crate::transport) fn steer(socket: BorrowedFd<'_>, processors: &[usize]) -> io::Result<()> {
    let mut program = program(processors).ok_or(io::ErrorKind::InvalidInput)?;
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    // SAFETY: the program is as long as it says, and both it and what points to it outlive the call,
    // which copies it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A program of the classic packet filter that says the number of a socket; one that there is not has the kernel choose.
fn program(processors: &[usize]) -> Option<Vec<libc::sock_filter>> {
    /// What the kernel takes at most (`BPF_MAXINSNS`).
    const MOST: usize = 4096;
    const NONE: u32 = u32::MAX;
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let say = |k| instruction(libc::BPF_RET | libc::BPF_K, 0, 0, k);
    let at = (libc::SKF_AD_OFF + libc::SKF_AD_CPU) as u32;
    let mut program = vec![instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at)];
    for (socket, processor) in processors.iter().enumerate() {
        let processor = u32::try_from(*processor).ok()?;
        let is_it = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        program.extend([instruction(is_it, 0, 1, processor), say(u32::try_from(socket).ok()?)]);
    }
    program.push(say(NONE));
    (program.len() <= MOST).then_some(program)
}
