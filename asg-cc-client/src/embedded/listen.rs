//! A port on loopback and the threads behind it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use http::Request;

use super::desk::Reply;
use super::wire;

/// Answers requests.
pub(super) trait Host: Send + Sync + 'static {
    fn reply(&self, request: &Request<Vec<u8>>) -> Reply;
}

/// A port that is served until this is dropped.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    acceptor: Option<thread::JoinHandle<()>>,
}

/// A bound port that is not served yet.
pub(super) struct Unserved(TcpListener, SocketAddr);

impl Unserved {
    pub(super) fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        Ok(Self(listener, address))
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.1)
    }

    pub(super) fn serve(self, host: Arc<impl Host>) -> io::Result<Port> {
        let Self(listener, address) = self;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let acceptor = thread::Builder::new().name("embedded".into()).spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let (host, stopped) = (Arc::clone(&host), Arc::clone(&stopped));
                // It ends by itself: with its connection, after some time without requests, or when
                // the server stops.
                thread::spawn(move || wire::serve(&stream, &*host, &stopped));
            }
        })?;
        Ok(Port { address, stop, acceptor: Some(acceptor) })
    }
}

impl Port {
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // The acceptor waits for a connection, so make one.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}
