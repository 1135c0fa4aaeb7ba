//! The asynchronous twin of [`Transport`](super::Transport).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::{Request, Response};

use super::TransportError;

/// A future answer.
pub type Sending<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, TransportError>> + Send + 'a>>;

/// Sends a request asynchronously. It needs no runtime of its own.
///
/// As with [`Transport`](super::Transport), any closure is one, if its future can go to other
/// threads; every answer is returned, whatever its status, and no redirects are followed.
///
/// # Example
///
/// ```
/// use asg_cc_client::TransportError;
/// use asg_cc_client::transport::AsyncTransport;
/// use http::{Request, Response};
///
/// let teapot = |_: Request<Vec<u8>>| async {
///     Ok::<_, TransportError>(Response::builder().status(418).body(Vec::new()).unwrap())
/// };
/// let transport: &dyn AsyncTransport = &teapot;
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// assert_eq!(transport.send(Request::new(Vec::new())).await?.status(), 418);
/// # Ok::<(), TransportError>(())
/// # })?;
/// # Ok::<(), TransportError>(())
/// ```
pub trait AsyncTransport {
    /// Sends `request`; returns the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// If no whole answer came.
    fn send(&self, request: Request<Vec<u8>>) -> Sending<'_>;
}

impl<F, A> AsyncTransport for F
where
    F: Fn(Request<Vec<u8>>) -> A,
    A: Future<Output = Result<Response<Vec<u8>>, TransportError>> + Send + 'static,
{
    fn send(&self, request: Request<Vec<u8>>) -> Sending<'_> {
        Box::pin(self(request))
    }
}

impl<T: AsyncTransport + ?Sized> AsyncTransport for Arc<T> {
    fn send(&self, request: Request<Vec<u8>>) -> Sending<'_> {
        (**self).send(request)
    }
}

impl AsyncTransport for Box<dyn AsyncTransport + Send + Sync + '_> {
    fn send(&self, request: Request<Vec<u8>>) -> Sending<'_> {
        (**self).send(request)
    }
}
