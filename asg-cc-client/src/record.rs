//! Records requests and answers without secrets, and replays them as a transport.
//!
//! [`Recorder`] goes around a transport, and [`Replay`] takes the place of one.
//!
//! ```
//! use asg_cc_client::record::{Recorder, Replay};
//! use asg_cc_client::{Transport, TransportError};
//! use http::{Request, Response};
//!
//! let live = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(b"fine".to_vec()));
//! let request = || Request::get("https://api.example.org/v3/apps").body(Vec::new()).unwrap();
//! let recorder = Recorder::new(live);
//! recorder.send(request())?;
//! let replay = Replay::new(&recorder.recording()?)?;
//! assert_eq!(replay.send(request())?.body(), b"fine");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request, Response};
use serde_json::{Deserializer, Value, json};

use crate::error::Error;
use crate::text::{decode, encode, unbase64};
use crate::token::Token;
use crate::transport::{
    AsyncTransport, Sending, Transport, TransportError, TransportErrorKind as Kind,
};

/// The beginning of a recording.
const FORMAT: &str = "asg-cc-client recording 1";

/// Records the requests and answers of a transport, for [`Replay`]: to reproduce a fault without
/// the foundation.
///
/// A recording is JSON Lines: method, path and query, status, the headers that matter, and the
/// body. It has no request headers and no forms. Tokens in the UAA's answers are replaced by
/// invalid ones with equal scopes; and texts that were sent as a password, secret or token are
/// removed wherever they come back. The foundation's GUIDs and names stay, because the recording is
/// about them.
///
/// # Example
///
/// ```
/// use asg_cc_client::record::{Recorder, Replay};
/// use asg_cc_client::{Transport, TransportError};
/// use http::{Request, Response};
///
/// let echo = |request: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
///     let token = request.headers()["authorization"].as_bytes().to_vec();
///     Ok(Response::new([&b"you sent "[..], &token].concat()))
/// };
/// let recorder = Recorder::new(echo);
/// let request = || Request::get("https://api.example.org/v3/apps").header("authorization", "bearer sesame");
/// recorder.send(request().body(Vec::new()).unwrap())?;
/// let recording = recorder.recording()?;
/// assert!(!String::from_utf8_lossy(&recording).contains("sesame"));
///
/// let replay = Replay::new(&recording)?;
/// let answer = replay.send(request().body(Vec::new()).unwrap())?;
/// assert_eq!(answer.body(), b"you sent bearer [redacted]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Recorder<T> {
    inner: T,
    tape: Mutex<Tape>,
}

#[derive(Default)]
struct Tape {
    lines: Vec<Value>,
    /// The secrets that were sent or received, the longest first.
    secrets: Vec<String>,
}

impl<T> Recorder<T> {
    /// Wraps `inner`, and records its requests.
    ///
    /// ```
    /// # use asg_cc_client::record::Recorder;
    /// # use asg_cc_client::{Transport, TransportError};
    /// # use http::{Request, Response};
    /// let hello = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(b"hello".to_vec()));
    /// let recorder = Recorder::new(hello);
    /// assert!(recorder.recording().is_ok());
    /// ```
    #[must_use]
    pub fn new(inner: T) -> Self {
        Self { inner, tape: Mutex::default() }
    }

    /// Returns the inner transport.
    ///
    /// ```
    /// # use asg_cc_client::record::Recorder;
    /// # use asg_cc_client::{Transport, TransportError};
    /// # use http::{Request, Response};
    /// let hello = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(b"hello".to_vec()));
    /// let recorder = Recorder::new(hello);
    /// assert!(recorder.get_ref().send(Request::new(Vec::new())).is_ok());
    /// ```
    pub const fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Returns the recording so far.
    ///
    /// # Errors
    ///
    /// [`Error::Recording`] if a secret with fewer than 6 characters was sent: so short a text also
    /// occurs by chance, and the gaps after its removal would reveal it.
    ///
    /// ```
    /// # use asg_cc_client::record::Recorder;
    /// # use asg_cc_client::{Transport, TransportError};
    /// # use http::{Request, Response};
    /// let hello = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(b"hello".to_vec()));
    /// let recorder = Recorder::new(hello);
    /// recorder.send(Request::get("https://api.example.org/").body(Vec::new()).unwrap())?;
    /// assert!(!recorder.recording()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recording(&self) -> Result<Vec<u8>, Error> {
        let tape = self.tape();
        if tape.secrets.iter().any(|secret| secret.chars().count() < SHORTEST) {
            let what =
                "a secret was sent that is too short to be taken out of it: use a longer one";
            return Err(Error::Recording(what.into()));
        }
        let mut text = json!({ "format": FORMAT }).to_string() + "\n";
        for line in &tape.lines {
            let mut line = line.clone();
            tape.scrub(&mut line);
            text.push_str(&line.to_string());
            text.push('\n');
        }
        Ok(text.into_bytes())
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the recorded part of a request, and notes its secrets.
    fn note(&self, request: &Request<Vec<u8>>) -> Value {
        self.tape().add_secrets(secrets_of(request));
        json!({ "method": request.method().as_str(), "target": target(request) })
    }

    fn keep(&self, mut line: Value, result: &Result<Response<Vec<u8>>, TransportError>) {
        let mut tape = self.tape();
        match result {
            Ok(response) => {
                line["status"] = response.status().as_u16().into();
                line["headers"] = kept_headers(response.headers());
                line["body"] = if line["method"] == Method::GET.as_str() {
                    String::from_utf8_lossy(response.body()).into()
                } else {
                    tape.without_tokens(response.body()).into()
                };
            }
            Err(e) => {
                line["error"] = kind_name(e.kind()).into();
                line["message"] = e.to_string().into();
            }
        }
        tape.lines.push(line);
    }
}

/// A shorter secret makes a recording fail.
const SHORTEST: usize = 6;

impl Tape {
    fn add_secrets(&mut self, secrets: Vec<String>) {
        for secret in secrets {
            if !secret.is_empty() && !self.secrets.contains(&secret) {
                self.secrets.push(secret);
            }
        }
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// Returns the UAA's answer with other tokens; a body that is not JSON is left out.
    fn without_tokens(&mut self, body: &[u8]) -> String {
        let Ok(mut body) = serde_json::from_slice::<Value>(body) else { return String::new() };
        for name in ["access_token", "refresh_token", "id_token"] {
            let Some(token) = body[name].as_str().map(str::to_owned) else { continue };
            let faded = Token::new(&token).map_or("redacted".into(), |token| token.faded());
            body[name] = faded.into();
            self.add_secrets(vec![token]);
        }
        body.to_string()
    }

    /// Removes all secrets from all texts of a line.
    fn scrub(&self, line: &mut Value) {
        match line {
            Value::String(text) => {
                // A secret may be escaped in JSON in many ways, so the JSON is parsed first.
                match serde_json::from_str::<Value>(text) {
                    Ok(mut json @ (Value::Object(_) | Value::Array(_))) => {
                        if self.scrub_json(&mut json) {
                            *text = json.to_string();
                        }
                    }
                    _ => drop(self.scrub_text(text)),
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.scrub(value)),
            Value::Object(members) => members.values_mut().for_each(|value| self.scrub(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Removes all secrets from the names and texts in a document; returns whether there was one.
    fn scrub_json(&self, json: &mut Value) -> bool {
        match json {
            Value::String(text) => self.scrub_text(text),
            Value::Array(values) => {
                let mut any = false;
                for value in values {
                    any |= self.scrub_json(value);
                }
                any
            }
            Value::Object(members) => {
                let mut any = false;
                for (mut name, mut value) in std::mem::take(members) {
                    any |= self.scrub_text(&mut name);
                    any |= self.scrub_json(&mut value);
                    members.insert(name, value);
                }
                any
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Removes all secrets from a text, plain and as written in JSON and in forms.
    fn scrub_text(&self, text: &mut String) -> bool {
        let mut any = false;
        for secret in &self.secrets {
            let json = Value::from(secret.as_str()).to_string();
            let form = encode(secret);
            let forms = [secret.as_str(), json.trim_matches('"'), &form, &form.replace("%20", "+")];
            for form in forms {
                if text.contains(form) {
                    *text = text.replace(form, "[redacted]");
                    any = true;
                }
            }
        }
        any
    }
}

impl<T: Transport> Transport for Recorder<T> {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        let line = self.note(&request);
        let result = self.inner.send(request);
        self.keep(line, &result);
        result
    }
}

impl<T: AsyncTransport + Sync> AsyncTransport for Recorder<T> {
    fn send(&self, request: Request<Vec<u8>>) -> Sending<'_> {
        Box::pin(async move {
            let line = self.note(&request);
            let result = self.inner.send(request).await;
            self.keep(line, &result);
            result
        })
    }
}

impl<T: fmt::Debug> fmt::Debug for Recorder<T> {
    /// Prints it without the tape: secrets are removed only when a recording is made.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// Answers from a recording of [`Recorder`]: equal requests get their answers in order, and then
/// the last one again. The host of a request does not matter.
pub struct Replay {
    answers: Mutex<HashMap<(String, String), VecDeque<Answer>>>,
}

type Answer = Result<Response<Vec<u8>>, TransportError>;

impl Replay {
    /// Parses a recording.
    ///
    /// # Errors
    ///
    /// [`Error::Recording`].
    ///
    /// ```
    /// # use asg_cc_client::record::Recorder;
    /// # use asg_cc_client::{Transport, TransportError};
    /// # use http::{Request, Response};
    /// let hello = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(b"hello".to_vec()));
    /// let recorder = Recorder::new(hello);
    /// let request = || Request::get("https://api.example.org/").body(Vec::new()).unwrap();
    /// recorder.send(request())?;
    /// let replay = asg_cc_client::record::Replay::new(&recorder.recording()?)?;
    /// assert_eq!(replay.send(request())?.body(), b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(recording: &[u8]) -> Result<Self, Error> {
        let bad = |why: &str| Error::Recording(why.into());
        let mut lines = Deserializer::from_slice(recording).into_iter::<Value>();
        match lines.next() {
            Some(Ok(first)) if first["format"] == FORMAT => {}
            _ => return Err(bad("it is none, or of another version")),
        }
        let mut answers: HashMap<_, VecDeque<Answer>> = HashMap::new();
        for line in lines {
            let line = line.map_err(|e| bad(&format!("line {} is not JSON", e.line())))?;
            let text = |key: &str| line[key].as_str().map(str::to_owned);
            let key = text("method").zip(text("target")).ok_or_else(|| bad("it lacks a target"))?;
            let answer = recorded(&line).ok_or_else(|| bad("it lacks an answer"))?;
            answers.entry(key).or_default().push_back(answer);
        }
        Ok(Self { answers: Mutex::new(answers) })
    }

    fn answer(&self, request: &Request<Vec<u8>>) -> Answer {
        let key = (request.method().to_string(), target(request));
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = answers.get_mut(&key).ok_or_else(|| {
            let what = format!("nothing is recorded for {} {}", key.0, key.1);
            TransportError::new(Kind::Other, what)
        })?;
        match queue.len() {
            0 | 1 => queue.front().cloned().expect("a queue begins with an answer"),
            _ => queue.pop_front().expect("there are several"),
        }
    }
}

impl Transport for Replay {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        self.answer(&request)
    }
}

impl AsyncTransport for Replay {
    fn send(&self, request: Request<Vec<u8>>) -> Sending<'_> {
        Box::pin(std::future::ready(self.answer(&request)))
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").finish_non_exhaustive()
    }
}

fn target(request: &Request<Vec<u8>>) -> String {
    request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned()
}

/// Returns the token in the header or the secret in a Basic one, and everything in a form except
/// the kind of grant and names.
fn secrets_of(request: &Request<Vec<u8>>) -> Vec<String> {
    let mut secrets = Vec::new();
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(header) = header {
        let (scheme, value) = header.split_once(' ').unwrap_or(("", header));
        let pair = if scheme.eq_ignore_ascii_case("basic") { unbase64(value) } else { None };
        match pair.map(|pair| String::from_utf8_lossy(&pair).into_owned()) {
            // The public client has an empty secret.
            Some(pair) => {
                let secret = pair.split_once(':').map_or(pair.as_str(), |(_, secret)| secret);
                if !secret.is_empty() {
                    secrets.extend([secret.to_owned(), value.to_owned()]);
                }
            }
            None => secrets.push(value.to_owned()),
        }
    }
    let form = String::from_utf8_lossy(request.body());
    for (name, value) in form.split('&').filter_map(|pair| pair.split_once('=')) {
        if !matches!(name, "grant_type" | "client_id" | "username") {
            secrets.extend([decode(value), value.to_owned()]);
        }
    }
    secrets
}

/// Returns the headers that decide how an answer is parsed.
fn kept_headers(headers: &HeaderMap) -> Value {
    let kept = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str();
        let wanted = matches!(name, "content-type" | "retry-after" | "x-cf-routererror")
            || name.starts_with("x-ratelimit-");
        wanted.then(|| Some((name.to_owned(), Value::from(value.to_str().ok()?))))?
    });
    Value::Object(kept.collect())
}

fn recorded(line: &Value) -> Option<Answer> {
    if let Some(kind) = line["error"].as_str() {
        let kind = KINDS.into_iter().find(|k| kind_name(*k) == kind).unwrap_or(Kind::Other);
        return Some(Err(TransportError::new(kind, line["message"].as_str().unwrap_or_default())));
    }
    let mut response = Response::builder().status(u16::try_from(line["status"].as_u64()?).ok()?);
    for (name, value) in line["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str()?);
    }
    Some(Ok(response.body(line["body"].as_str()?.into()).ok()?))
}

const KINDS: [Kind; 8] = [
    Kind::Connect,
    Kind::Timeout,
    Kind::Interrupted,
    Kind::Tls,
    Kind::TooLarge,
    Kind::Stopped,
    Kind::Budget,
    Kind::Other,
];

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Connect => "connect",
        Kind::Timeout => "timeout",
        Kind::Interrupted => "interrupted",
        Kind::Tls => "tls",
        Kind::TooLarge => "too large",
        Kind::Stopped => "stopped",
        Kind::Budget => "budget",
        Kind::Other => "other",
    }
}
