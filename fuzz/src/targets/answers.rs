//! Answers of servers: of a Cloud Controller in either version, of a UAA, of anything else.

use std::cell::Cell;

use asg_cc_client::api::Address;
use asg_cc_client::auth::Grant;
use asg_cc_client::client::ApiVersion;
use asg_cc_client::clock::Clock;
use asg_cc_client::record::Replay;
use asg_cc_client::transport::TransportErrorKind;
use asg_cc_client::{CfConfig, CloudController, Error, Login, Token, Transport, TransportError};
use asg_core::{Guid, Timestamp};
use http::{Request, Response};

const SECRET: &str = "sesame-in-the-cellar";
/// The requests that one question may cost here.
const MOST: usize = 40;

/// Asks a server with scripted answers. The first byte chooses the question, and the second the
/// status of the answers. The rest is their bodies, in order, with a NUL between two.
pub(crate) fn answers(data: &[u8]) {
    let Some((&[kind, status], bodies)) = data.split_first_chunk() else { return };
    let status = [200, 200, 200, 401, 404, 429, 503, 302][usize::from(status % 8)];
    match kind % 6 {
        0 => ask(Some(ApiVersion::V3), status, bodies),
        1 => ask(Some(ApiVersion::V2), status, bodies),
        2 => ask(None, status, bodies),
        3 => log_in(status, bodies),
        4 => {
            if let Err(error) = CfConfig::parse(bodies) {
                is_a_sentence(&error);
            }
        }
        _ => {
            if let Err(error) = Replay::new(bodies) {
                is_a_sentence(&error);
            }
        }
    }
}

fn ask(version: Option<ApiVersion>, status: u16, bodies: &[u8]) {
    let bodies: Vec<&[u8]> = bodies.split(|b| *b == 0).collect();
    let requests = Cell::new(0);
    let transport = |request: Request<Vec<u8>>| {
        assert_eq!(request.uri().host(), Some("api.example.org"), "the token goes to the API");
        let n = requests.replace(requests.get() + 1);
        if n >= MOST {
            return Err(TransportError::new(TransportErrorKind::Budget, "no more"));
        }
        Ok(response(status, bodies[n % bodies.len()]))
    };
    let token = Token::new(SECRET).expect("a token");
    let cc = CloudController::new(transport, "https://api.example.org", token);
    let cc = cc.expect("an address").with_clock(clock());
    let cc = match version {
        Some(version) => cc.with_version(version),
        None => cc,
    };
    is_answered(&cc);
    if let Err(error) = cc.security_groups() {
        is_a_sentence(&error);
    }
}

/// Logs in at a UAA with these answers; the Cloud Controller refuses every token from it.
fn log_in(status: u16, bodies: &[u8]) {
    let logins = Cell::new(0);
    let transport = |request: Request<Vec<u8>>| {
        if request.uri().host() == Some("uaa.example.org") {
            logins.set(logins.get() + 1);
            return Ok(response(status, bodies));
        }
        Ok(response(401, br#"{"errors":[{"code":1000,"title":"CF-InvalidAuthToken"}]}"#))
    };
    let uaa = Address::parse("https://uaa.example.org").expect("an address");
    let login = Login::new(Grant::password("marissa", SECRET)).with_uaa(uaa);
    let cc = CloudController::new(transport, "https://api.example.org", login);
    let cc = cc.expect("an address").with_clock(clock()).with_version(ApiVersion::V3);
    is_answered(&cc);
    assert!(logins.get() <= 4, "{} logins", logins.get());
}

/// Checks that each GUID has an answer, or that one sentence is the reason.
fn is_answered<T: Transport>(cc: &CloudController<T>) {
    let guids = [
        Guid::from_u128(0x4ccb_b24c_268e_421a_9d1b_3678_b6eb_40d0),
        Guid::from_u128(0xaaaa_aaaa_0000_4000_8000_0000_0000_0001),
    ];
    match cc.resolve(&guids) {
        Ok(found) => assert!(guids.iter().all(|guid| found.contains_key(guid))),
        Err(error) => is_a_sentence(&error),
    }
}

fn is_a_sentence(error: &Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
    assert!(!text.contains(SECRET) && !format!("{error:?}").contains(SECRET), "{text:?}");
}

fn response(status: u16, body: &[u8]) -> Response<Vec<u8>> {
    Response::builder().status(status).body(body.to_vec()).expect("a response")
}

fn clock() -> Clock {
    Clock::new(|| Timestamp::from_nanos(1_498_212_000_000_000_000))
}
