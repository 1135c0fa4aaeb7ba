//! Finds the available API and the address of its UAA, from the root document, which needs no token
//! and so gets none.

use http::{Request, Response};

use crate::api::{Address, Root, v2, v3};
use crate::error::Error;

/// A question to an unknown server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Discovery {
    Root,
    /// Before 2017 Cloud Controller had no root document, and only v2 was complete.
    Info,
}

impl Discovery {
    pub(super) fn request(self, address: &Address) -> Request<Vec<u8>> {
        match self {
            Self::Root => v3::root().request(address, None),
            Self::Info => v2::info().request(address, None),
        }
    }

    /// Parses the answer: the root document, or the question to ask instead.
    pub(super) fn parse(self, response: &Response<Vec<u8>>) -> Result<Result<Root, Self>, Error> {
        match self {
            Self::Root => match v3::root().parse(response) {
                Ok(root) if root.v2 || root.v3 => Ok(Ok(root)),
                Err(Error::NoSuchEndpoint) => Ok(Err(Self::Info)),
                // JSON of another kind, or a root without either API.
                Ok(_) | Err(Error::Unreadable { .. }) => {
                    Err(Error::NotCloudController { status: 200 })
                }
                Err(e) => Err(e),
            },
            Self::Info => match v2::info().parse(response)?.api_version {
                Some(_) => Ok(Ok(Root { v2: true, v3: false, uaa: None, login: None })),
                None => Err(Error::V2Disabled),
            },
        }
    }
}
