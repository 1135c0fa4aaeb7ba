//! The output of `tracing`: a span per request, events for its course, and no secret.
#![cfg(feature = "tracing")]

mod common;

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use asg_cc_client::auth::Grant;
use asg_cc_client::{CloudController, Login, Retrying, TransportError};
use common::*;
use http::{Request, Response};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes everything down, one line for each event.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Everything {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "asg_cc_client"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = self.0.lock().unwrap();
        text.push_str(span.metadata().name());
        span.record(&mut Fields(&mut text));
        text.push('\n');
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = self.0.lock().unwrap();
        event.record(&mut Fields(&mut text));
        text.push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn requests_are_spans_and_what_happens_to_them_events_without_secrets() {
    let log = Everything::default();
    tracing::subscriber::with_default(log.clone(), || {
        let calls = Mutex::new(0);
        let transport = |request: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
            *calls.lock().unwrap() += 1;
            let body = match request.uri().path() {
                "/" => {
                    r#"{"links":{"cloud_controller_v3":{},"uaa":{"href":"https://uaa.example"}}}"#
                }
                "/oauth/token" => r#"{"access_token":"access-sesame","refresh_token":"re-sesame"}"#,
                _ if *calls.lock().unwrap() == 3 => {
                    return Ok(Response::builder().status(503).body(Vec::new()).unwrap());
                }
                _ => r#"{"pagination":{"next":null},"resources":[]}"#,
            };
            Ok(Response::new(body.into()))
        };
        let login = Login::new(Grant::password("marissa", "sesame")).with_client("own", "sesame");
        let transport = Retrying::new(transport).with_sleep(|_| {});
        let cc = CloudController::new(transport, "https://api.example.org", login).unwrap();
        cc.with_search_pages(0).resolve(&[guid(APP)]).unwrap();
    });
    let text = log.0.lock().unwrap();
    assert!(!text.contains("sesame"), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let apps = lines.iter().position(|line| line.contains("target=\"/v3/apps")).unwrap();
    assert!(lines[apps].starts_with("request method=GET"), "{text}");
    assert!(lines[apps + 1].contains("attempt=1"), "{text}");
    assert!(lines[apps + 2].contains("status=503"), "{text}");
    assert!(lines[apps + 3].contains("pause="), "{text}");
    assert!(lines[apps + 4].contains("attempt=2"), "{text}");
    assert_eq!(lines.iter().filter(|l| l.starts_with("request method=POST")).count(), 1, "{text}");
}
