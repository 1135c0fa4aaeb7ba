//! The facts beside a line in JSON: its machine, program and time, by the names of members.
//!
//! The members may be beside the line, in an object beside it, or in a list of pairs. The table in
//! [`members`] gives the meaning of their names.
//!
//! Sources: `opentelemetry-proto`, `logs.proto`; the Elastic Common Schema; Loki
//! `docs/sources/reference/loki-http-api.md`; Google Cloud's `LogEntry`; Telegraf's JSON; logsearch
//! `app.conf`; the OpenTelemetry collector's exporter for `ClickHouse`.

use serde_json::value::RawValue;

use super::Outer;
use crate::bytes::json::{self, Object};
use crate::bytes::text::Text;
use crate::line::envelope::members::{self, Sureness, Tells};
use crate::line::envelope::role::Role;
use crate::line::envelope::tools::labels_alone;
use crate::line::envelope::unknown::STREAMS;
use crate::line::envelope::{Dialect, is_host, marks, uptime_text};
use crate::time::{LogTime, Timestamp, Uptime, rfc3339, stamp};

/// The meanings that a member beside a line may have.
const BESIDE: &[Tells] =
    &[Tells::Host, Tells::Machine, Tells::Program, Tells::Tag, Tells::Priority, Tells::Time];

/// Objects with members about the line beside the object, and the meanings that these may have by
/// their own names. A dot separates an object from one in it. A member with the object's name
/// before its own means the same as one that is written so: `process.name`.
const NESTED: &[(&str, &[Tells])] = &[
    ("log.syslog", &[Tells::Host, Tells::Program]),
    ("event.syslog", &[Tells::Host, Tells::Program, Tells::Time]),
    ("process", &[]),
    ("service", &[]),
    ("host", &[]),
    ("beat", &[]),
    ("agent", &[]),
    ("labels", LABELS),
    ("stream", LABELS),
    ("structuredMetadata", LABELS),
    ("parsed", LABELS),
    ("fields", LABELS),
    ("predecoder", &[Tells::Host, Tells::Program]),
    ("syslog", &[Tells::Host, Tells::Program]),
    ("attributes", &[Tells::Host, Tells::Program]),
    ("resource", &[Tells::Host, Tells::Program]),
    ("Resource", &[Tells::Host, Tells::Program]),
    ("ResourceAttributes", &[Tells::Host, Tells::Program]),
    ("Attributes", &[Tells::Host, Tells::Program]),
    ("LogAttributes", &[Tells::Host, Tells::Program]),
    ("resource.labels", &[Tells::Host, Tells::Program]),
    ("resource.attributes", &[Tells::Host, Tells::Program]),
    ("tags", &[Tells::Host, Tells::Program]),
    ("kubernetes", &[Tells::Host]),
    ("meta", &[Tells::Host]),
    ("@source", &[Tells::Host, Tells::Instance, Tells::Job, Tells::Program]),
    ("instance@47450", &[Tells::Instance, Tells::Job]),
];

/// The meanings of labels.
const LABELS: &[Tells] = &[Tells::Host, Tells::Machine, Tells::Program, Tells::Tag];

/// Lists of pairs about the lines beside or below them, in an object or in itself.
const LISTS: [&str; 3] = ["attributes", "resource.attributes", "fields"];

/// The names of a pair's two members: OpenTelemetry's, those of `CloudWatch` Logs Insights, and
/// those of `VMware`'s Log Insight.
const PAIRS: [(&str, &str); 3] = [("key", "value"), ("field", "value"), ("name", "content")];

/// Members named by the type of their value, around the value: OpenTelemetry's and Athena's, and
/// those of Avro's unions and of `DynamoDB`, which are the only member of their object.
const TYPES: [&str; 4] = ["stringValue", "VarCharValue", "string", "S"];

/// A member with a fact about a line.
struct Fact<'t> {
    tells: Tells,
    /// The surest fact is the smallest: by its name, and then by its object.
    order: (Sureness, usize),
    value: &'t RawValue,
}

/// Returns the facts in the members of an object about the line in it.
pub(super) fn told(object: &Object<'_>) -> Outer {
    let mut facts = Vec::new();
    collect(&mut facts, object, None, BESIDE, 0);
    for (n, (path, own)) in NESTED.iter().enumerate() {
        if let Some(inner) = at_path(object, path, |object, key| object.object(&[key])) {
            collect(&mut facts, &inner, Some(path), own, n + 1);
        }
    }
    let mut stream = marks::stream_of(object);
    for path in LISTS {
        let list = at_path(object, path, |object, key| object.get(&[key]));
        if let Some(inner) = list.and_then(elements).and_then(|list| pairs(&list)) {
            collect(&mut facts, &inner, None, &[Tells::Host, Tells::Program], NESTED.len() + 1);
            stream = stream.or_else(|| marks::stream_of(&inner));
        }
    }
    facts.sort_by_key(|fact| fact.order);
    let mut outer = Outer { stream, ..Outer::default() };
    for fact in facts.chunk_by(|a, b| a.order == b.order) {
        tell(&mut outer, fact);
    }
    // VictoriaLogs writes the labels of the stream as one text.
    if let Some(labels) = object.string(&["_stream"])
        && let Some(found) = labels_alone(labels.as_bytes())
    {
        let own = |text: Option<Text<'_>>| text.map(|it| it.to_string());
        outer.host = outer.host.or_else(|| own(found.host));
        outer.program = outer.program.or_else(|| own(found.program));
        outer.stream = outer.stream.or_else(|| own(found.proc_id));
    }
    // Graylog's own members show that `source` is the sender.
    if outer.host.is_none() && object.get(&["gl2_source_input", "gl2_message_id"]).is_some() {
        outer.host = object.string(&["source"]).map(|name| name.as_str().to_owned());
    }
    // Its exports have the columns that people chose: these three, if they chose none.
    let is_row = || ["timestamp", "source", "message"].iter().all(|it| object.get(&[it]).is_some());
    if outer.host.is_none() && is_row() {
        let source = object.string(&["source"]).map(|name| name.as_str().to_owned());
        outer.host = source.filter(|name| is_hosts(name.as_bytes()));
    }
    let number = |key: &str| object.get(&[key])?.get().trim_matches('"').parse::<u64>().ok();
    if let Some(micros) = number("__REALTIME_TIMESTAMP").and_then(|it| i64::try_from(it).ok()) {
        let nanos = micros.checked_mul(1_000);
        outer.time = nanos.map_or(outer.time, |it| LogTime::Instant(Timestamp::from_nanos(it)));
    }
    outer.uptime = number("_SOURCE_MONOTONIC_TIMESTAMP").map(Uptime::from_micros);
    // `dmesg -J`, and Fluent Bit's records of the kernel's buffer.
    let booted = || uptime_text(object.get(&["time"])?.get().trim_matches('"').as_bytes());
    if object.get(&["msg"]).is_some()
        && let Some(uptime) = booted().or_else(|| {
            let (seconds, micros) = (number("sec")?, number("usec")?);
            Some(Uptime::from_micros(seconds.checked_mul(1_000_000)?.checked_add(micros)?))
        })
    {
        outer.uptime = outer.uptime.or(Some(uptime));
        outer.dialect = Dialect::DmesgJson;
        if booted().is_some() {
            outer.time = LogTime::Unknown;
        }
    }
    if object.get(&["__REALTIME_TIMESTAMP"]).is_some() || object.get(&["_HOSTNAME"]).is_some() {
        outer.dialect = Dialect::JournalJson;
    }
    journald_program(&mut outer, object);
    // Each line below the object has a copy of its names.
    for name in [&mut outer.host, &mut outer.job, &mut outer.index, &mut outer.instance] {
        *name = name.take().filter(|name| name.len() <= LONGEST);
    }
    if let Some(name) = outer.program.as_mut().filter(|name| name.len() > LONGEST) {
        let end = name.char_indices().map(|(at, _)| at).take_while(|at| *at <= LONGEST).last();
        name.truncate(end.unwrap_or_default());
    }
    if let Some(stream) = outer.stream.as_mut().filter(|stream| stream.len() > LONGEST) {
        "[APP]".clone_into(stream);
    }
    outer
}

/// Returns whether the name of a source may be a machine's, and not a stream's or a program's.
fn is_hosts(name: &[u8]) -> bool {
    let is_name = is_host(name) && !name.contains(&b'/');
    is_name && !STREAMS.contains(&name) && Role::of_program(name) == Role::Speaker
}

/// The longest name of a machine. The beginning of a longer program's name shows that it is not a
/// known one.
const LONGEST: usize = 255;

/// Finds the program of journald's entry. Any process may call itself `kernel`, and give itself two
/// names; `_TRANSPORT` comes from journald.
///
/// Source: systemd.journal-fields(7), "Trusted Journal Fields".
fn journald_program(outer: &mut Outer, object: &Object<'_>) {
    let names = object.get(&["SYSLOG_IDENTIFIER"]).map(RawValue::get);
    if let Some(names) = names.filter(|names| names.starts_with('[')) {
        outer.program = Some(names.to_owned());
    }
    let Some(transport) = object.string(&["_TRANSPORT"]) else { return };
    let is_kernel = |name: &String| Role::of_program(name.as_bytes()) == Role::Kernel;
    match (transport.as_str(), &outer.program) {
        // Programs that write to `/dev/kmsg` have a name.
        ("kernel", None) => outer.program = Some("kernel".to_owned()),
        ("kernel", Some(_)) => {}
        (transport, Some(name)) if is_kernel(name) => {
            outer.program = Some(format!("{name} by {transport}"));
        }
        (_, Some(_)) => {}
        // The process gave itself no name.
        (transport, None) => {
            let process = object.string(&["_COMM", "_EXE", "_SYSTEMD_UNIT"]);
            let name = process.map_or_else(|| "a process".to_owned(), |it| it.as_str().to_owned());
            outer.program =
                Some(if is_kernel(&name) { format!("{name} by {transport}") } else { name });
        }
    }
}

/// Returns what a path of one or two names leads to.
fn at_path<'t, T>(
    object: &Object<'t>,
    path: &str,
    get: impl Fn(&Object<'t>, &str) -> Option<T>,
) -> Option<T> {
    match path.split_once('.') {
        Some((key, path)) => object.object(&[key]).and_then(|inner| get(&inner, path)),
        None => get(object, path),
    }
}

/// Collects the members with a fact. By its own name a member may have the meanings in `own`; with
/// the object's name in front it may have any.
fn collect<'t>(
    facts: &mut Vec<Fact<'t>>,
    object: &Object<'t>,
    path: Option<&str>,
    own: &[Tells],
    place: usize,
) {
    for (name, value) in object.members() {
        let nested = path.and_then(|path| members::of_nested(path, name));
        let of_own = members::of(name.as_bytes()).filter(|(tells, _)| own.contains(tells));
        let both = [nested.map(|it| (it, 0)), of_own.map(|it| (it, place))];
        for ((tells, sureness), place) in both.into_iter().flatten() {
            let value = scalar(value);
            let text = || json::string(Some(value));
            if unquoted(value).is_some_and(members::is_absent) {
                continue;
            }
            let tells = match tells {
                Tells::Tag if text().is_some_and(|it| members::is_tag(&it)) => Tells::Program,
                Tells::Tag => continue,
                Tells::Program if name == DERIVED && is_derived(object, text().as_deref()) => {
                    continue;
                }
                tells => tells,
            };
            facts.push(Fact { tells, order: (sureness, place), value });
        }
    }
}

/// The label that Loki adds to each stream without one.
const DERIVED: &str = "service_name";

/// Returns whether Loki made the name of a service out of the name of a scrape job, or of nothing:
/// neither is a program.
///
/// Source: Loki, `pkg/distributor/distributor.go`, `discover_service_name`.
fn is_derived(labels: &Object<'_>, service: Option<&str>) -> bool {
    let job = labels.string(&["job"]);
    service.is_some_and(|it| it == "unknown_service" || job.is_some_and(|job| *job == *it))
}

/// Takes a fact, unless a surer one was taken. There are several if an object has a name more than
/// once.
fn tell(outer: &mut Outer, fact: &[Fact<'_>]) {
    let mut texts = fact.iter().map(|fact| json::string(Some(fact.value)));
    let mut own = || {
        let text = json::agreed(texts.by_ref())?;
        Some(text.as_str().to_owned())
    };
    let slot = match fact[0].tells {
        Tells::Host => &mut outer.host,
        Tells::Instance => &mut outer.instance,
        Tells::Job => &mut outer.job,
        Tells::Machine => {
            if let Some(name) = own()
                && let Some((job, id, is_index)) = members::machine(name.as_bytes())
                && outer.instance.is_none()
                && outer.index.is_none()
            {
                let text = |name| Some(String::from_utf8_lossy(name).into_owned());
                let slot = if is_index { &mut outer.index } else { &mut outer.instance };
                (*slot, outer.job) = (text(id), text(job));
                outer.is_tools = true;
            }
            return;
        }
        Tells::Program | Tells::Tag => {
            if outer.program.is_none() {
                outer.program = program(fact);
            }
            return;
        }
        Tells::Priority => {
            let mut numbers = fact.iter().map(|it| it.value.get().trim_matches('"').parse().ok());
            outer.priority = outer.priority.or_else(|| numbers.find_map(|it| it));
            return;
        }
        Tells::Nothing => return,
        Tells::Time => {
            if outer.time == LogTime::Unknown {
                let mut times = fact.iter().map(|fact| time(fact.value));
                outer.time = times.find(|it| *it != LogTime::Unknown).unwrap_or_default();
            }
            return;
        }
    };
    if slot.is_none() {
        // A stream has the name of no machine: Azure Monitor's `LogSource`.
        *slot = own().filter(|name| !STREAMS.contains(&name.as_bytes()));
    }
}

/// Returns the program that a member names. Several names prove nobody.
fn program(fact: &[Fact<'_>]) -> Option<String> {
    let texts = fact.iter().filter_map(|fact| match fact.value.get() {
        list if list.starts_with('[') && list.len() > 2 => Some(list.to_owned()),
        _ => json::string(Some(fact.value)).map(|text| text.as_str().to_owned()),
    });
    let mut names = texts.map(|tag| members::program_of(&tag).to_owned());
    let first = names.next()?;
    Some(match names.find(|other| *other != first) {
        Some(other) => format!("{first}, {other}"),
        None => first,
    })
}

/// Returns the value itself, out of a list of one, and out of an object with its type.
pub(super) fn scalar(value: &RawValue) -> &RawValue {
    match value.get().as_bytes().first() {
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(value.get()).as_deref() {
            Ok([one]) => one,
            _ => value,
        },
        Some(b'{') => {
            let object = Object::parse(value.get().as_bytes()).ok();
            let alone = object.filter(|it| it.members().count() == 1);
            alone.and_then(|it| it.get(&TYPES)).unwrap_or(value)
        }
        _ => value,
    }
}

/// Makes an object of a list of pairs: of names, and of values. A name with an escape
/// does not count.
pub(super) fn pairs<'t>(list: &[&'t RawValue]) -> Option<Object<'t>> {
    let (name, value) = {
        let first = Object::parse(list.first()?.get().as_bytes()).ok()?;
        let fits = |(name, value): &&(&str, &str)| {
            first.get(&[name]).is_some() && first.get(&[value]).is_some()
        };
        *PAIRS.iter().find(fits)?
    };
    let pairs = list.iter().filter_map(|pair| {
        let pair = Object::parse(pair.get().as_bytes()).ok()?;
        Some((unquoted(pair.get(&[name])?)?, scalar(pair.get(&[value])?)))
    });
    Some(Object::of(pairs))
}

/// Returns the elements of an array.
pub(super) fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    let list = Some(value.get()).filter(|list| list.starts_with('['))?;
    serde_json::from_str(list).ok()
}

/// Returns the text between the quotes of a string, with its escapes.
pub(super) fn unquoted(value: &RawValue) -> Option<&str> {
    value.get().strip_prefix('"')?.strip_suffix('"')
}

/// Parses the time of a value: text, or a number since the epoch.
fn time(value: &RawValue) -> LogTime {
    if let Some(time) = instant(value) {
        return LogTime::Instant(time);
    }
    let text = value.get().trim_matches('"').as_bytes();
    super::columns::time(text)
}

/// Parses the instant of a value.
pub(super) fn instant(value: &RawValue) -> Option<Timestamp> {
    let text = value.get().trim_matches('"').as_bytes();
    match rfc3339(text) {
        Some((time, len, _)) if len == text.len() => Some(time),
        _ => stamp::since_epoch(text),
    }
}
