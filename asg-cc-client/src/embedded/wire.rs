//! HTTP/1.1 on a socket: requests in, answers out, one after another.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{Request, Response};

use super::desk::Reply;
use super::listen::Host;
use super::trouble::Manner;

/// The interval in which a waiting connection checks whether the server was stopped.
const TICK: Duration = Duration::from_millis(50);
/// A connection is closed after this long without requests.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than any request of this crate. The endpoints imitate nginx's own limit.
const MOST_BYTES: usize = 64 << 10;

pub(super) fn serve(mut stream: &TcpStream, host: &dyn Host, stopped: &AtomicBool) {
    if stream.set_read_timeout(Some(TICK)).and(stream.set_nodelay(true)).is_err() {
        return;
    }
    let mut read = Vec::new();
    let mut last = Instant::now();
    loop {
        match parse(&read) {
            Parsed::Whole(request, used) => {
                read.drain(..used);
                let close = wants_close(&request);
                let Reply { answer, manner } = host.reply(&request);
                if let Manner::Late(delay) = manner {
                    sleep(delay, stopped);
                }
                let closes = close
                    || answer.headers().get(CONNECTION).is_some_and(|v| v == "close")
                    || !matches!(manner, Manner::Whole | Manner::Late(_));
                if stream.write_all(&render(&answer, closes, manner)).is_err() || closes {
                    return;
                }
                last = Instant::now();
                continue;
            }
            Parsed::Bad(status) => {
                let answer =
                    Response::builder().status(status).body(Vec::new()).unwrap_or_default();
                drop(stream.write_all(&render(&answer, true, Manner::Whole)));
                return;
            }
            Parsed::Partial => {}
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk) {
            Ok(0) => return,
            Ok(n) => read.extend_from_slice(&chunk[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
        if stopped.load(Ordering::SeqCst) || last.elapsed() > PATIENCE {
            return;
        }
    }
}

enum Parsed {
    Whole(Box<Request<Vec<u8>>>, usize),
    Partial,
    Bad(u16),
}

fn parse(bytes: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let body_at = match head.parse(bytes) {
        Ok(httparse::Status::Complete(at)) => at,
        Ok(httparse::Status::Partial) if bytes.len() > MOST_BYTES => return Parsed::Bad(414),
        Ok(httparse::Status::Partial) => return Parsed::Partial,
        Err(_) => return Parsed::Bad(400),
    };
    let mut request = Request::builder()
        .method(head.method.unwrap_or_default())
        .uri(head.path.unwrap_or_default());
    for header in head.headers.iter() {
        request = request.header(header.name, header.value);
    }
    let Ok(mut request) = request.body(Vec::new()) else { return Parsed::Bad(400) };
    let length = match request.headers().get(CONTENT_LENGTH) {
        None => 0,
        Some(length) => match length.to_str().ok().and_then(|l| l.parse::<usize>().ok()) {
            Some(length) if length <= MOST_BYTES => length,
            Some(_) => return Parsed::Bad(413),
            None => return Parsed::Bad(400),
        },
    };
    let Some(body) = bytes.get(body_at..body_at + length) else { return Parsed::Partial };
    *request.body_mut() = body.to_vec();
    Parsed::Whole(Box::new(request), body_at + length)
}

fn wants_close(request: &Request<Vec<u8>>) -> bool {
    request.headers().get(CONNECTION).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"close"))
}

/// Waits, unless the server stops.
fn sleep(delay: Duration, stopped: &AtomicBool) {
    let end = Instant::now() + delay;
    while let Some(rest) = end.checked_duration_since(Instant::now()) {
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        thread::sleep(rest.min(TICK));
    }
}

fn render(answer: &Response<Vec<u8>>, close: bool, manner: Manner) -> Vec<u8> {
    if manner == Manner::Nothing {
        return Vec::new();
    }
    let status = answer.status();
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in answer.headers() {
        if name != CONTENT_LENGTH && name != CONNECTION {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
    }
    let connection = if close { "close" } else { "keep-alive" };
    let body = answer.body();
    let half = &body[..body.len() / 2];
    if manner == Manner::HalfInChunks {
        bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
        bytes.extend_from_slice(format!("{:x}\r\n", body.len().max(1)).as_bytes());
        bytes.extend_from_slice(half);
        return bytes;
    }
    // An empty body cannot be cut, so its length is set to one byte that does not come.
    let (length, sent) = match manner {
        Manner::HalfOfLength => (body.len().max(1), half),
        _ => (body.len(), &body[..]),
    };
    bytes.extend_from_slice(
        format!("Content-Length: {length}\r\nConnection: {connection}\r\n\r\n").as_bytes(),
    );
    bytes.extend_from_slice(sent);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_answers_promise_more_than_they_hold() {
        let answer = Response::new(b"{\"a\":1}".to_vec());
        let wire = |manner| String::from_utf8(render(&answer, true, manner)).unwrap();
        assert!(
            wire(Manner::Whole)
                .ends_with("Content-Length: 7\r\nConnection: close\r\n\r\n{\"a\":1}")
        );
        assert!(
            wire(Manner::HalfOfLength)
                .ends_with("Content-Length: 7\r\nConnection: close\r\n\r\n{\"a")
        );
        assert!(
            wire(Manner::HalfInChunks).ends_with("chunked\r\nConnection: close\r\n\r\n7\r\n{\"a")
        );
        assert_eq!(wire(Manner::Nothing), "");
    }

    #[test]
    fn requests_come_in_any_pieces() {
        let wire =
            b"GET /v3/apps HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\n";
        let whole = wire.len() - "GET / HTTP/1.1\r\n".len();
        for cut in 0..wire.len() {
            match parse(&wire[..cut]) {
                Parsed::Whole(request, used) => {
                    assert!(cut >= whole && used == whole);
                    assert_eq!(request.body(), b"{}");
                }
                Parsed::Partial => assert!(cut < whole, "{cut}"),
                Parsed::Bad(status) => panic!("{cut}: {status}"),
            }
        }
        assert!(matches!(parse(b"\x16\x03\x01\x02\x00"), Parsed::Bad(400)));
        let endless = [b"GET /".as_slice(), &vec![b'a'; MOST_BYTES]].concat();
        assert!(matches!(parse(&endless), Parsed::Bad(414)));
    }
}
