//! The system calls that the standard library has no safe form of: batched datagrams with their
//! local address, which thread takes them, pinning of threads and what goes before them, the limit on open files.
//!
//! The only module of the server with `unsafe` in it, what is below it included. What it exports is safe.
#![allow(
    unsafe_code,
    reason = "recvmmsg, sendmmsg and sched_setaffinity have no safe wrapper that \
    keeps one source address per message"
)]

mod steering;

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

pub(super) use steering::steer;

/// Datagrams taken or given in one system call.
pub(super) const BATCH: usize = 32;

/// How many are prepared for at least.
const LEAST_ROOM: usize = 8;

/// Octets of one datagram, in and out. Larger ones are told as truncated.
pub(super) const DATAGRAM: usize = 4096;

/// Octets from one buffer to the next: not a power of two, or the beginnings of all of them, which
/// are what is looked at, would compete for the same few places of the processor's cache.
const STRIDE: usize = DATAGRAM + 64;

/// Octets for one control message: `IP_PKTINFO` takes 32, `IPV6_PKTINFO` 40.
type Control = [u64; 8];

/// How often a send is tried again when a signal interrupts it.
const INTERRUPTIONS: usize = 8;

/// Up to [`BATCH`] datagrams received, and the answer to each.
pub(super) struct Batch {
    queries: Box<[[u8; STRIDE]]>,
    answers: Box<[[u8; STRIDE]]>,
    remotes: [libc::sockaddr_storage; BATCH],
    controls: [Control; BATCH],
    heads: [Head; BATCH],
    /// Octets of the answer to each; 0: none.
    lengths: [usize; BATCH],
    received: usize,
    /// How many the next call takes at most: what is not taken is not prepared either.
    room: usize,
}

/// What the kernel said about one datagram.
#[derive(Clone, Copy, Default)]
struct Head {
    octets: usize,
    name_octets: libc::socklen_t,
    control_octets: usize,
    is_truncated: bool,
}

/// One datagram as it was received, and the room for its answer.
pub(super) struct Datagram<'b> {
    /// What came.
    pub(super) query: &'b [u8],
    /// The room for the answer.
    pub(super) answer: &'b mut [u8],
    /// Where it came from; `None` if that is no internet address.
    pub(super) remote: Option<SocketAddr>,
    /// The address it was sent to, if the socket was told to say so.
    pub(super) local: Option<IpAddr>,
    /// The datagram was larger than [`DATAGRAM`].
    pub(super) is_truncated: bool,
}

/// What became of the answers of one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Handed to the kernel.
    pub(super) sent: usize,
    /// Given up.
    pub(super) failed: usize,
}

impl Batch {
    /// A quarter of a mebibyte of buffers.
    pub(super) fn new() -> Self {
        // SAFETY: sockaddr_storage is plain data; all octets zero is the family "unspecified".
        let nobody: libc::sockaddr_storage = unsafe { mem::zeroed() };
        Self {
            queries: vec![[0; STRIDE]; BATCH].into_boxed_slice(),
            answers: vec![[0; STRIDE]; BATCH].into_boxed_slice(),
            remotes: [nobody; BATCH],
            controls: [[0; 8]; BATCH],
            heads: [Head::default(); BATCH],
            lengths: [0; BATCH],
            received: 0,
            room: LEAST_ROOM,
        }
    }

    /// Waits for at least one datagram, or for the socket's receive timeout, and takes what
    /// is there. Answers not sent are forgotten.
    ///
    /// # Errors
    /// Those of recvmmsg: `WouldBlock` after the timeout, `Interrupted` by a signal.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.received = 0;
        self.lengths = [0; BATCH];
        let room = self.room.min(BATCH);
        let mut vectors = [MaybeUninit::<libc::iovec>::uninit(); BATCH];
        let mut messages = [MaybeUninit::<libc::mmsghdr>::uninit(); BATCH];
        let buffers = self.queries.iter_mut().zip(&mut self.remotes).zip(&mut self.controls);
        let slots = vectors.iter_mut().zip(&mut messages);
        for (((query, remote), control), (vector, slot)) in buffers.zip(slots).take(room) {
            let vector = vector
                .write(libc::iovec { iov_base: query.as_mut_ptr().cast(), iov_len: DATAGRAM });
            slot.write(message(
                remote,
                size_of::<libc::sockaddr_storage>() as libc::socklen_t,
                vector,
                Some((control, size_of::<Control>())),
            ));
        }
        // SAFETY: the first `room` messages are initialised. Each points to one vector, address
        // and control buffer of its own, with their true sizes, all of which outlive the call and
        // are borrowed mutably by it alone.
        let taken = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr().cast(),
                room as libc::c_uint,
                libc::MSG_WAITFORONE,
                ptr::null_mut(),
            )
        };
        let taken = usize::try_from(taken).map_err(|_| io::Error::last_os_error())?.min(room);
        for (head, filled) in self.heads.iter_mut().zip(&messages[..taken]) {
            // SAFETY: the first `room` messages were initialised above, of which these are, and the kernel has only
            // written lengths and flags into them.
            let filled = unsafe { filled.assume_init_ref() };
            *head = Head {
                octets: (filled.msg_len as usize).min(DATAGRAM),
                name_octets: filled.msg_hdr.msg_namelen,
                control_octets: filled.msg_hdr.msg_controllen.min(size_of::<Control>()),
                is_truncated: filled.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            };
        }
        self.received = taken;
        // Twice as many as came: a load that grows is met within a few calls.
        self.room = (2 * taken).clamp(LEAST_ROOM, BATCH);
        Ok(taken)
    }

    /// One of the datagrams received last; `None` beyond them.
    pub(super) fn datagram(&mut self, at: usize) -> Option<Datagram<'_>> {
        if at >= self.received {
            return None;
        }
        let head = self.heads[at];
        Some(Datagram {
            query: &self.queries[at][..head.octets],
            answer: &mut self.answers[at][..DATAGRAM],
            remote: socket_address(&self.remotes[at], head.name_octets),
            local: local_address(&mut self.controls[at], head.control_octets),
            is_truncated: head.is_truncated,
        })
    }

    /// The datagrams received last, put into `room`.
    pub(super) fn queries<'r, 'b>(&'b self, room: &'r mut [&'b [u8]; BATCH]) -> &'r [&'b [u8]] {
        let received = self.received.min(BATCH);
        let known = self.queries.iter().zip(&self.heads).take(received);
        for (place, (query, head)) in room.iter_mut().zip(known) {
            *place = query.get(..head.octets).unwrap_or_default();
        }
        &room[..received]
    }

    /// Notes that a datagram is answered by so many octets of its room.
    pub(super) fn reply(&mut self, at: usize, octets: usize) {
        if at < self.received && octets <= DATAGRAM {
            self.lengths[at] = octets;
        }
    }

    /// Sends the noted answers to where the queries came from and, if the kernel told
    /// the address a query was sent to, from there.
    ///
    /// An answer that cannot be sent is given up, the others are still sent. When the
    /// socket takes nothing for the length of its send timeout, all the rest is given up.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>) -> Sent {
        let mut vectors = [MaybeUninit::<libc::iovec>::uninit(); BATCH];
        let mut messages = [MaybeUninit::<libc::mmsghdr>::uninit(); BATCH];
        let mut slots = vectors.iter_mut().zip(&mut messages);
        let mut noted = 0;
        let buffers = self.answers.iter_mut().zip(&mut self.remotes).zip(&mut self.controls);
        let known = self.heads.iter().zip(&self.lengths).take(self.received);
        for (((answer, remote), control), (head, &length)) in buffers.zip(known) {
            if length == 0 {
                continue;
            }
            let Some((vector, slot)) = slots.next() else {
                break;
            };
            let vector =
                vector.write(libc::iovec { iov_base: answer.as_mut_ptr().cast(), iov_len: length });
            let octets = source(control, head.control_octets);
            slot.write(message(
                remote,
                head.name_octets,
                vector,
                octets.map(|octets| (ptr::from_mut(control), octets)),
            ));
            noted += 1;
        }
        self.lengths = [0; BATCH];

        let mut result = Sent::default();
        let mut interruptions = 0;
        while result.sent + result.failed < noted {
            let done = result.sent + result.failed;
            // SAFETY: the messages from `done` up to `noted` are initialised; their vectors,
            // addresses and control buffers have their true sizes and outlive the call.
            let taken = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    messages[done..].as_mut_ptr().cast(),
                    (noted - done) as libc::c_uint,
                    0,
                )
            };
            if let Ok(taken @ 1..) = usize::try_from(taken) {
                result.sent += taken.min(noted - done);
                continue;
            }
            // An error is that of the first message left; the ones before it have gone out.
            match io::Error::last_os_error().kind() {
                io::ErrorKind::Interrupted if interruptions < INTERRUPTIONS => interruptions += 1,
                io::ErrorKind::WouldBlock => result.failed = noted - result.sent,
                _ => result.failed += 1,
            }
        }
        result
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("received", &self.received).finish_non_exhaustive()
    }
}

/// A message header over one vector. `control` is a buffer and how much of it counts.
fn message(
    name: *mut libc::sockaddr_storage,
    name_octets: libc::socklen_t,
    vector: *mut libc::iovec,
    control: Option<(*mut Control, usize)>,
) -> libc::mmsghdr {
    // SAFETY: mmsghdr is plain data (it may have private padding, so it cannot be written out);
    // all octets zero is a message without address, vectors and control data.
    let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
    message.msg_hdr.msg_name = name.cast();
    message.msg_hdr.msg_namelen = name_octets;
    message.msg_hdr.msg_iov = vector;
    message.msg_hdr.msg_iovlen = 1;
    if let Some((buffer, octets)) = control {
        message.msg_hdr.msg_control = buffer.cast();
        message.msg_hdr.msg_controllen = octets as _;
    }
    message
}

fn socket_address(from: &libc::sockaddr_storage, octets: libc::socklen_t) -> Option<SocketAddr> {
    let octets = octets as usize;
    match i32::from(from.ss_family) {
        libc::AF_INET if octets >= size_of::<libc::sockaddr_in>() => {
            // SAFETY: the family says that the storage, which is large enough and aligned for every
            // address, holds a sockaddr_in; every pattern of octets is one.
            let v4 = unsafe { &*ptr::from_ref(from).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 if octets >= size_of::<libc::sockaddr_in6>() => {
            // SAFETY: as above, for sockaddr_in6.
            let v6 = unsafe { &*ptr::from_ref(from).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            let port = u16::from_be(v6.sin6_port);
            Some(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// The two forms in which the kernel tells the local address of a datagram.
enum PacketInfo<'c> {
    V4(&'c mut libc::in_pktinfo),
    V6(&'c mut libc::in6_pktinfo),
}

/// The packet information in a control buffer of which `octets` were filled, and how
/// many octets its message takes.
fn packet_info(control: &mut Control, octets: usize) -> Option<(PacketInfo<'_>, usize)> {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    if octets < HEADER {
        return None;
    }
    let start = ptr::from_mut(control).cast::<u8>();
    // SAFETY: the buffer is 64 octets long, aligned to 8 as cmsghdr has to be, and every
    // pattern of octets is a cmsghdr.
    let header = unsafe { &*start.cast::<libc::cmsghdr>() };
    // The data follow the header at once: its size is a multiple of the alignment.
    let holds = |size: usize| {
        let end = HEADER + size;
        header.cmsg_len as usize >= end && octets >= end && size_of::<Control>() >= end
    };
    let v4 = size_of::<libc::in_pktinfo>();
    let v6 = size_of::<libc::in6_pktinfo>();
    match (header.cmsg_level, header.cmsg_type) {
        (libc::IPPROTO_IP, libc::IP_PKTINFO) if holds(v4) => {
            // SAFETY: the buffer holds that much behind the header, aligned to 8; every
            // pattern of octets is an in_pktinfo; the reference lives as long as the borrow.
            let info = unsafe { &mut *start.add(HEADER).cast::<libc::in_pktinfo>() };
            Some((PacketInfo::V4(info), HEADER + v4.next_multiple_of(8)))
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if holds(v6) => {
            // SAFETY: as above, for in6_pktinfo.
            let info = unsafe { &mut *start.add(HEADER).cast::<libc::in6_pktinfo>() };
            Some((PacketInfo::V6(info), HEADER + v6.next_multiple_of(8)))
        }
        _ => None,
    }
}

fn local_address(control: &mut Control, octets: usize) -> Option<IpAddr> {
    Some(match packet_info(control, octets)?.0 {
        // The local address a reply should carry; it differs from the destination when that
        // was a broadcast.
        PacketInfo::V4(info) => Ipv4Addr::from_bits(u32::from_be(info.ipi_spec_dst.s_addr)).into(),
        PacketInfo::V6(info) => Ipv6Addr::from(info.ipi6_addr.s6_addr).into(),
    })
}

/// Turns the packet information of a query into that of its answer; the octets to pass on.
fn source(control: &mut Control, octets: usize) -> Option<usize> {
    let (info, octets) = packet_info(control, octets)?;
    match info {
        // Routing chooses the interface: the query may have come in by another one.
        PacketInfo::V4(info) => info.ipi_ifindex = 0,
        PacketInfo::V6(info) => {
            if !Ipv6Addr::from(info.ipi6_addr.s6_addr).is_unicast_link_local() {
                info.ipi6_ifindex = 0;
            }
        }
    }
    Some(octets)
}

/// Has the kernel tell the local address of each datagram, as a socket bound to the
/// unspecified address needs.
pub(super) fn tell_local_address(socket: BorrowedFd<'_>, address: SocketAddr) -> io::Result<()> {
    let (level, option) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    set_option(socket, level, option, 1)
}

/// Sends datagrams without regard to path MTU messages, which anybody can forge: answers
/// are small enough for every path. Over IPv4 they say that they are not to be fragmented (RFC 9715
/// section 3.1); what needs no fragments needs no number to put them together by either, which the
/// kernel would have to choose for each.
pub(super) fn ignore_path_mtu(socket: BorrowedFd<'_>, address: SocketAddr) -> io::Result<()> {
    let (level, option, value) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE),
        SocketAddr::V6(_) => {
            (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)
        }
    };
    set_option(socket, level, option, value)
}

fn set_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the value is a c_int that outlives the call, and its size is given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The processors this process may run on, in order.
pub(super) fn processors() -> Vec<usize> {
    // SAFETY: cpu_set_t is an array of bits; all zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the set is valid for writes of the size given; 0 is the calling thread.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if result != 0 {
        return Vec::new();
    }
    (0..libc::CPU_SETSIZE as usize)
        // SAFETY: the index is below the number of bits of the set.
        .filter(|&processor| unsafe { libc::CPU_ISSET(processor, &set) })
        .collect()
}

/// Keeps the calling thread on one processor.
pub(super) fn pin(processor: usize) -> io::Result<()> {
    if processor >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: cpu_set_t is an array of bits; all zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the index is below the number of bits of the set, as checked above.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: the set is valid for reads of the size given; 0 is the calling thread.
    let result =
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How many steps of niceness a thread goes back.
const STEPS_BACK: libc::c_int = 10;

/// Lets others go before the calling thread: it leaves real-time priority if it has that, and is nicer than
/// the process from then on.
pub(super) fn step_back() -> io::Result<()> {
    // SAFETY: it takes a number and no memory; 0 is the calling thread.
    let policy = unsafe { libc::sched_getscheduler(0) };
    if matches!(policy, libc::SCHED_FIFO | libc::SCHED_RR) {
        // SAFETY: sched_param is plain data; all octets zero is priority 0, the only one of SCHED_OTHER.
        let ordinary: libc::sched_param = unsafe { mem::zeroed() };
        // SAFETY: the parameters are valid for reads; 0 is the calling thread.
        if unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const ordinary) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // Linux keeps niceness for each thread. It is -1 for an error and for one that is nearly ordinary, and
    // nobody is refused to be nicer.
    // SAFETY: it takes a number and no memory.
    unsafe { libc::nice(STEPS_BACK) };
    Ok(())
}

/// Raises the number of files this process may have open to what it may raise it to, and says
/// what it is now. Connections and probes each take one.
pub(super) fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is valid for writes.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the structure is valid for reads.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}

/// Gives the system back what was freed, as far as whole pages of it are free. The library keeps it
/// otherwise, if something that lies behind it is in use.
pub(super) fn give_back() {
    // SAFETY: it takes a number, and moves nothing that is in use.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Ends this process at once, without what libraries would do at its end: threads that are in the midst of their
/// work could still need what is done away with then.
pub(super) fn leave(status: libc::c_int) -> ! {
    // SAFETY: it takes a number, and does not return.
    unsafe { libc::_exit(status) }
}

/// Ends a child that leads a process group, and all others in the group. It must not have been waited for:
/// its number could be another's then.
pub(super) fn end_group(child: u32) {
    let Ok(group) = libc::pid_t::try_from(child) else {
        return;
    };
    if group > 1 {
        // SAFETY: it takes two numbers and no memory. A group that is not there is an error, which is as good.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}
