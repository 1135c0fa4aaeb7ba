//! The parser of lager lines against `serde_json::Value`.

use asg_core::event::LagerEvent;
use serde_json::Value;

pub(crate) fn lager(data: &[u8]) {
    let read = LagerEvent::parse(data);
    if !LagerEvent::may_be_in(data) {
        assert!(
            !matches!(read, Ok(LagerEvent::Rep(_) | LagerEvent::Logger(_))),
            "behind the prefilter"
        );
    }
    if let Err(error) = &read {
        assert!(error.offset() <= data.len(), "{error}");
    }
    // A handle from a cut line is in the line.
    if let LagerEvent::Rep(event) = LagerEvent::parse_cut(data)
        && let Some(handle) = event.handle
        && !data.contains(&b'\\')
    {
        assert!(memory_holds(data, handle.as_bytes()), "{}", &*handle);
    }
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    if !value.is_object() {
        return;
    }
    // An object is never an error here, and every fact about a container comes from one of its
    // strings.
    let Ok(LagerEvent::Rep(event)) = read.as_ref() else {
        assert!(read.is_ok());
        return;
    };
    let mut strings = Vec::new();
    collect(&value, &mut strings);
    for said in
        [&event.handle, &event.process_guid, &event.instance_guid, &event.domain, &event.cell_id]
    {
        let Some(said) = said else { continue };
        // A dump of data contains the handle inside a string.
        assert!(strings.iter().any(|text| text.contains(&**said)), "{}", &**said);
    }
}

fn memory_holds(data: &[u8], text: &[u8]) -> bool {
    data.windows(text.len()).any(|window| window == text)
}

fn collect<'v>(value: &'v Value, strings: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => strings.push(text),
        Value::Array(values) => values.iter().for_each(|value| collect(value, strings)),
        Value::Object(members) => members.values().for_each(|value| collect(value, strings)),
        _ => {}
    }
}
