//! One request and its answer over one HTTP/1.1 connection.
//!
//! The library that speaks the protocol is set up anew for each exchange, and the bare connection is
//! what is kept: its buffers would be most of the memory of a connection that waits.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::connect::Stream;

/// The most that the head of an answer may take, in octets.
const MOST_HEAD: usize = 64 * 1024;

/// An answer, as far as it was read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// An exchange that came to nothing.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) error: hyper::Error,
    /// Whether an answer had begun.
    pub(super) was_answered: bool,
}

/// Sends the request and reads the answer, so many octets of its body at most. The connection comes
/// back if it can be used again.
pub(super) async fn exchange(
    stream: Stream,
    request: Request<Full<Bytes>>,
    limit: usize,
) -> Result<(Answer, Option<Stream>), Cut> {
    let unanswered = |error| Cut { error, was_answered: false };
    let (mut sender, mut connection) = http1::Builder::new()
        .max_buf_size(MOST_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(unanswered)?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(unanswered)?;
        let (head, mut incoming) = response.into_parts();
        let answered = |error| Cut { error, was_answered: true };
        let (body, is_whole) = body(&mut incoming, limit).await.map_err(answered)?;
        let answer = Answer { status: head.status.as_u16(), headers: head.headers, body };
        Ok((answer, is_whole))
    };
    let (answer, is_whole) = {
        let mut answered = pin!(answered);
        let driven = poll_fn(|cx| connection.poll_without_shutdown(cx));
        tokio::select! {
            biased;
            result = &mut answered => result?,
            // The connection has ended; what came before that is still to be read.
            _ = driven => answered.await?,
        }
    };
    if !is_whole {
        return Ok((answer, None));
    }
    let is_ready = poll_fn(|cx| {
        let has_ended = connection.poll_without_shutdown(cx).is_ready();
        let is_ready = !has_ended && matches!(sender.poll_ready(cx), Poll::Ready(Ok(())));
        Poll::Ready(is_ready)
    })
    .await;
    if !is_ready {
        return Ok((answer, None));
    }
    let parts = connection.into_parts();
    // What came after the answer belongs to no request.
    let stream = parts.read_buf.is_empty().then(|| parts.io.into_inner());
    Ok((answer, stream))
}

/// The beginning of the body, and whether it is all of it.
async fn body(incoming: &mut Incoming, limit: usize) -> hyper::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let rest = limit - body.len();
        body.extend_from_slice(&data[..data.len().min(rest)]);
        if body.len() == limit {
            return Ok((body, data.len() <= rest && incoming.is_end_stream()));
        }
    }
    Ok((body, true))
}
