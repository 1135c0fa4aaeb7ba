//! The parser of lager lines against `serde_json::Value`.

use std::fmt;

use asg_core::event::LagerEvent;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
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
    let mut json = serde_json::Deserializer::from_slice(data);
    Strings(&mut strings).deserialize(&mut json).expect("it is JSON");
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

/// Collects all strings, also those of repeated keys.
struct Strings<'s>(&'s mut Vec<String>);

impl<'de> DeserializeSeed<'de> for Strings<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.push(text.into());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while values.next_element_seed(Strings(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while members.next_key::<IgnoredAny>()?.is_some() {
            members.next_value_seed(Strings(self.0))?;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
