//! Parses answers member by member, so that ignored members cost nothing, however long they are.
//!
//! Real answers are uneven: `null`, `""` and a missing member are equal, and a member of an unusual
//! type must not affect the rest. So every type here accepts any JSON value, and the last of
//! several equal members counts.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

/// The members of an answer that the crate uses, without its resources, and those of a resource of
/// any kind.
#[derive(Default)]
pub(crate) struct Document {
    /// Whether it has a list of resources.
    pub(crate) is_list: bool,
    /// The links between pages, of v3 or v2.
    pub(crate) page: Pagination,
    /// The members of a single resource.
    pub(crate) resource: Resource,
}

/// Takes resources while an answer is parsed.
pub(crate) trait Sink {
    /// Takes one of `resources`; returns false to refuse the rest.
    fn resource(&mut self, resource: Resource) -> bool;
    /// Takes an included space.
    fn space(&mut self, resource: Resource);
    /// Takes an included org.
    fn org(&mut self, resource: Resource);
    /// Takes a whole document in an array of documents, or the only one; returns false to refuse
    /// the rest.
    fn document(&mut self, document: Document) -> bool;
}

/// The error for a refusal by the sink; ignored members use it, too.
const REFUSED: &str = "refused";

/// Declares an object and the members of it that are parsed.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident { $($key:literal => $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Default)]
        pub(crate) struct $name {
            $(pub(crate) $field: $type,)*
        }

        impl $name {
            /// Parses the value of `key`; returns false if this is not one of the members.
            fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
                match key {
                    $($key => self.$field = map.next_value()?,)*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;

                impl<'de> Lenient<'de> for Members {
                    type Value = $name;

                    fn map<A: MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut out = $name::default();
                        while let Some(Key(key)) = map.next_key()? {
                            if !out.set(&key, &mut map)? {
                                map.next_value::<IgnoredAny>()?;
                            }
                        }
                        Ok(out)
                    }
                }

                deserializer.deserialize_any(Any(Members))
            }
        }
    };
}

object! {
    /// The members of apps, processes, tasks, builds, deployments, spaces, orgs, events, security
    /// groups, the root document and the info document, of v3 or v2.
    Resource {
        "guid" => guid: Seen<Text>,
        "name" => name: Seen<Text>,
        "type" => kind: Seen<Text>,
        "created_at" => created_at: Text,
        "relationships" => relationships: Relationships,
        "links" => links: Seen<Links>,
        "lifecycle" => lifecycle: Seen<IgnoredAny>,
        "suspended" => suspended: Seen<IgnoredAny>,
        "new_processes" => new_processes: Seen<List<NewProcess>>,
        "globally_enabled" => globally_enabled: Seen<Enabled>,
        "rules" => rules: Rules,
        "target" => target: Seen<Reference>,
        "actor" => actor: Reference,
        "space" => space: Reference,
        "organization" => organization: Reference,
        "data" => data: Data,
        "build" => build: Seen<Text>,
        "api_version" => api_version: Text,
        "metadata" => metadata: Metadata,
        "entity" => entity: Seen<Entity>,
        "errors" => errors: List<Problem>,
        "code" => code: Number,
        "error_code" => error_code: Text,
        "description" => description: Text,
        "format" => format: Text,
        "taken_at" => taken_at: Text,
        "absent" => absent: List<Text>,
        "sees_everything" => sees_everything: Seen<Flag>,
    }
}

object! {
    /// `GUID`s of other resources.
    Relationships {
        "app" => app: Seen<Relation>,
        "space" => space: Seen<Relation>,
        "organization" => organization: Seen<Relation>,
        "running_spaces" => running_spaces: Relations,
        "staging_spaces" => staging_spaces: Relations,
    }
}

object! { Relation { "data" => data: Reference } }
object! { Relations { "data" => data: List<Reference> } }
object! { Reference { "guid" => guid: Text, "type" => kind: Text, "name" => name: Text } }
object! { NewProcess { "guid" => guid: Text, "type" => kind: Text } }
object! { Enabled { "running" => running: Flag, "staging" => staging: Flag } }
object! { Metadata { "guid" => guid: Text, "url" => url: Text, "created_at" => created_at: Text } }
object! { Link { "href" => href: Text } }

object! {
    Links {
        "self" => own: Link,
        "uaa" => uaa: Link,
        "login" => login: Link,
        "cloud_controller_v2" => v2: Filled,
        "cloud_controller_v3" => v3: Filled,
    }
}

object! {
    /// The details of an event.
    Data {
        "process_guid" => process: Text,
        "task_guid" => task: Text,
        "build_guid" => build: Text,
        "process_type" => process_type: Text,
        "request" => request: Request,
    }
}

object! { Request { "name" => name: Text } }

object! {
    /// The members of v2's resources.
    Entity {
        "name" => name: Text,
        "space_guid" => space: Seen<Text>,
        "organization_guid" => organization: Seen<Text>,
        "quota_definition_guid" => quota: Seen<IgnoredAny>,
        "type" => kind: Text,
        "timestamp" => timestamp: Text,
        "actee" => actee: Seen<Text>,
        "actee_name" => actee_name: Text,
        "metadata" => metadata: Data,
        "running_default" => running: Seen<Flag>,
        "staging_default" => staging: Flag,
        "rules" => rules: Rules,
    }
}

object! {
    /// An error of v3.
    Problem { "code" => code: Number, "title" => title: Text, "detail" => detail: Text }
}

object! {
    /// The links of a list to its pages.
    Pagination {
        "total_results" => total: Number,
        "first" => first: Link,
        "next" => next: Next,
        "previous" => previous: Link,
        // In v2 these are beside the resources.
        "next_url" => next_url: Next,
        "prev_url" => previous_url: Text,
    }
}

/// A link to the next page.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// The member is missing.
    #[default]
    Missing,
    /// It is `null`: this is the last page.
    Last,
    Page(String),
    /// It is another type.
    Malformed,
}

/// Whether the member is present, and its value.
#[derive(Default)]
pub(crate) struct Seen<T> {
    pub(crate) is_there: bool,
    pub(crate) value: T,
}

/// A text that is not empty.
#[derive(Default, Debug, Clone)]
pub(crate) struct Text(pub(crate) Option<String>);

/// An integer.
#[derive(Default, Clone, Copy)]
pub(crate) struct Number(pub(crate) Option<i64>);

/// True only for `true`.
#[derive(Default, Clone, Copy)]
pub(crate) struct Flag(pub(crate) bool);

/// True for anything but `null`.
#[derive(Default, Clone, Copy)]
pub(crate) struct Filled(pub(crate) bool);

/// The items of an array that are not empty.
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// An item that may be empty.
pub(crate) trait Item {
    fn is_useful(&self) -> bool;
}

impl Item for Reference {
    fn is_useful(&self) -> bool {
        self.guid.0.is_some()
    }
}

impl Item for NewProcess {
    fn is_useful(&self) -> bool {
        // The length of a GUID. Shorter texts would need many times the list's size.
        self.guid.0.as_ref().is_some_and(|guid| guid.len() >= 36)
    }
}

impl Item for Problem {
    fn is_useful(&self) -> bool {
        self.code.0.is_some()
    }
}

impl Item for Text {
    fn is_useful(&self) -> bool {
        self.0.is_some()
    }
}

/// Rules of a security group, each as JSON without blanks.
#[derive(Default)]
pub(crate) struct Rules {
    pub(crate) is_there: bool,
    pub(crate) rules: Vec<String>,
}

impl Document {
    /// Returns the errors in the document, as code, title and details.
    pub(crate) fn problems(&self) -> Vec<(i64, String, String)> {
        let text = |text: &Text| text.0.clone().unwrap_or_default();
        let Resource { errors, code, error_code, description, .. } = &self.resource;
        if !errors.0.is_empty() {
            let one = |p: &Problem| Some((p.code.0?, text(&p.title), text(&p.detail)));
            return errors.0.iter().filter_map(one).collect();
        }
        code.0.map(|code| (code, text(error_code), text(description))).into_iter().collect()
    }
}

/// Parses one JSON value into a sink: a document, or an array of them.
pub(crate) struct IntoSink<'a, S>(pub(crate) &'a mut S);

impl<'de, S: Sink> DeserializeSeed<'de> for IntoSink<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Any(self))
    }
}

impl<'de, S: Sink> Lenient<'de> for IntoSink<'_, S> {
    type Value = ();

    fn map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut document = Document::default();
        while let Some(Key(key)) = map.next_key()? {
            match key.as_str() {
                "resources" => {
                    document.is_list = map.next_value_seed(Each(self.0, S::resource))?;
                }
                "included" => map.next_value_seed(Any(Included(self.0)))?,
                "pagination" => document.page = map.next_value()?,
                key => {
                    let known = document.page.set(key, &mut map)?
                        || document.resource.set(key, &mut map)?;
                    if !known {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
            }
        }
        if self.0.document(document) { Ok(()) } else { Err(de::Error::custom(REFUSED)) }
    }

    fn seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(IntoSink(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn other<E: de::Error>(self) -> Result<(), E> {
        if self.0.document(Document::default()) { Ok(()) } else { Err(E::custom(REFUSED)) }
    }
}

/// Passes every element of an array to a method of the sink; the value is false for anything but an
/// array.
struct Each<'a, S>(&'a mut S, fn(&mut S, Resource) -> bool);

impl<'de, S> DeserializeSeed<'de> for Each<'_, S> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(Any(self))
    }
}

impl<'de, S> Lenient<'de> for Each<'_, S> {
    type Value = bool;

    fn seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        while let Some(resource) = seq.next_element()? {
            if !self.1(self.0, resource) {
                return Err(de::Error::custom(REFUSED));
            }
        }
        Ok(true)
    }
}

struct Included<'a, S>(&'a mut S);

impl<'de, S: Sink> Lenient<'de> for Included<'_, S> {
    type Value = ();

    fn map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        fn space<S: Sink>(sink: &mut S, resource: Resource) -> bool {
            sink.space(resource);
            true
        }
        fn org<S: Sink>(sink: &mut S, resource: Resource) -> bool {
            sink.org(resource);
            true
        }
        while let Some(Key(key)) = map.next_key()? {
            match key.as_str() {
                "spaces" => drop(map.next_value_seed(Each(&mut *self.0, space))?),
                "organizations" => drop(map.next_value_seed(Each(&mut *self.0, org))?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// A visitor that accepts any value. Values of unexpected types are skipped to their end, and give
/// the default.
trait Lenient<'de>: Sized {
    type Value: Default;

    fn text<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        self.other()
    }

    fn number<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        self.other()
    }

    fn flag<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        self.other()
    }

    fn null<E: de::Error>(self) -> Result<Self::Value, E> {
        self.other()
    }

    fn map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.other()
    }

    fn seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.other()
    }

    fn other<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Self::Value::default())
    }
}

struct Any<L>(L);

impl<'de, L: Lenient<'de>> DeserializeSeed<'de> for Any<L> {
    type Value = L::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<L::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, L: Lenient<'de>> Visitor<'de> for Any<L> {
    type Value = L::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<L::Value, E> {
        self.0.flag(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<L::Value, E> {
        self.0.number(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<L::Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.0.number(value),
            Err(_) => self.0.other(),
        }
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<L::Value, E> {
        self.0.other()
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<L::Value, E> {
        self.0.text(text)
    }

    fn visit_unit<E: de::Error>(self) -> Result<L::Value, E> {
        self.0.null()
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<L::Value, A::Error> {
        self.0.map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<L::Value, A::Error> {
        self.0.seq(seq)
    }
}

/// Implements `Deserialize` with a visitor that accepts any value.
macro_rules! lenient {
    ($name:ty, $($method:item)*) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Reading;

                impl<'de> Lenient<'de> for Reading {
                    type Value = $name;

                    $($method)*
                }

                deserializer.deserialize_any(Any(Reading))
            }
        }
    };
}

lenient! { Text,
    fn text<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text).filter(|text| !text.is_empty()).map(str::to_owned)))
    }
}

lenient! { Number,
    fn number<E: de::Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number(Some(number)))
    }
}

lenient! { Flag,
    fn flag<E: de::Error>(self, flag: bool) -> Result<Flag, E> {
        Ok(Flag(flag))
    }
}

lenient! { Filled,
    fn null<E: de::Error>(self) -> Result<Filled, E> {
        Ok(Filled(false))
    }

    fn other<E: de::Error>(self) -> Result<Filled, E> {
        Ok(Filled(true))
    }
}

lenient! { Next,
    fn text<E: de::Error>(self, text: &str) -> Result<Next, E> {
        Ok(if text.is_empty() { Next::Last } else { Next::Page(text.to_owned()) })
    }

    fn null<E: de::Error>(self) -> Result<Next, E> {
        Ok(Next::Last)
    }

    fn map<A: MapAccess<'de>>(self, mut map: A) -> Result<Next, A::Error> {
        let mut link = Link::default();
        while let Some(Key(key)) = map.next_key()? {
            if !link.set(&key, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(link.href.0.map_or(Next::Malformed, Next::Page))
    }

    fn other<E: de::Error>(self) -> Result<Next, E> {
        Ok(Next::Malformed)
    }
}

lenient! { Rules,
    fn seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Rules, A::Error> {
        let mut rules = Vec::new();
        while let Some(rule) = seq.next_element::<Box<RawValue>>()? {
            rules.push(compact(rule.get()));
        }
        Ok(Rules { is_there: true, rules })
    }
}

impl<'de, T: Deserialize<'de> + Item> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Item> Lenient<'de> for Items<T> {
            type Value = List<T>;

            fn seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<T>()? {
                    if item.is_useful() {
                        items.push(item);
                    }
                }
                Ok(List(items))
            }
        }

        deserializer.deserialize_any(Any(Items(PhantomData)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Seen<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { is_there: true, value: T::deserialize(deserializer)? })
    }
}

/// The name of a member.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Returns JSON without the blanks between its parts.
fn compact(json: &str) -> String {
    let (mut out, mut in_text, mut escaped) = (String::with_capacity(json.len()), false, false);
    for c in json.chars() {
        if in_text || !c.is_ascii_whitespace() {
            out.push(c);
        }
        let quote = c == '"' && !escaped;
        escaped = in_text && c == '\\' && !escaped;
        in_text ^= quote;
    }
    out
}
