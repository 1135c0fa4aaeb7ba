//! HTTP/1.1 on a socket: requests in, answers out, one after another.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{Request, Response};

use super::Shared;

/// How often a waiting connection looks whether the server was stopped.
const TICK: Duration = Duration::from_millis(50);
/// After so long a silence a connection is closed.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than any request of this crate; nginx before the real one admits 8 KiB.
const MOST_BYTES: usize = 64 << 10;

pub(super) fn serve(mut stream: &TcpStream, shared: &Shared) {
    if stream.set_read_timeout(Some(TICK)).and(stream.set_nodelay(true)).is_err() {
        return;
    }
    let mut read = Vec::new();
    let mut last = Instant::now();
    loop {
        match parse(&read) {
            Parsed::Whole(request, used) => {
                read.drain(..used);
                last = Instant::now();
                let close = wants_close(&request);
                let answer = shared.answer(&request);
                let closes =
                    close || answer.headers().get(CONNECTION).is_some_and(|v| v == "close");
                if stream.write_all(&render(&answer, closes)).is_err() || closes {
                    return;
                }
                continue;
            }
            Parsed::Bad(status) => {
                let answer =
                    Response::builder().status(status).body(Vec::new()).unwrap_or_default();
                drop(stream.write_all(&render(&answer, true)));
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
        if shared.is_stopped() || last.elapsed() > PATIENCE {
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

fn render(answer: &Response<Vec<u8>>, close: bool) -> Vec<u8> {
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
    let length = answer.body().len();
    bytes.extend_from_slice(
        format!("Content-Length: {length}\r\nConnection: {connection}\r\n\r\n").as_bytes(),
    );
    bytes.extend_from_slice(answer.body());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

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
