//! Parses the bytes of an answer.

use serde::de::DeserializeSeed;
use serde_json::Deserializer;
use serde_json::error::Category;

use super::json::{Document, IntoSink, Next, Resource, Sink};
use super::{App, Deployment, Event, Info, Org, Page, Process, Root, SecurityGroup, Space, Work};

/// The maximum length of an answer: 64 MiB. A page of 5,000 events has some megabytes.
pub(crate) const MOST_BYTES: usize = 64 << 20;

/// Cloud Controller lists at most so many on one page.
const MOST_RESOURCES: usize = 5000;

/// A type that is made from the members of one resource.
pub(crate) trait FromResource: Sized {
    /// Converts a resource; `None` if a required member is missing.
    fn from_resource(resource: Resource) -> Option<Self>;
}

/// A type that an answer can be parsed as: one thing, or a [`Page`] of things.
///
/// Unknown members are ignored, and `null`, `""` and a missing member are equal. The trait is
/// sealed.
pub trait Body: Sized + sealed::Decode {}

impl<T: sealed::Decode> Body for T {}

pub(crate) mod sealed {
    /// Parses a whole body.
    pub trait Decode: Sized {
        /// Parses it, or returns the reason why it cannot be parsed.
        #[doc(hidden)]
        fn decode(json: &[u8]) -> Result<Self, &'static str>;
    }
}

macro_rules! things {
    ($($thing:ty),*) => {$(
        impl sealed::Decode for $thing {
            fn decode(json: &[u8]) -> Result<Self, &'static str> {
                decode_one(json)
            }
        }

        impl sealed::Decode for Page<$thing> {
            fn decode(json: &[u8]) -> Result<Self, &'static str> {
                decode_page(json)
            }
        }
    )*};
}

things!(Root, Info, App, Space, Org, Process, Work, Deployment, Event, SecurityGroup);

/// Parses one thing.
pub(super) fn decode_one<T: FromResource>(json: &[u8]) -> Result<T, &'static str> {
    let mut sink = One::default();
    into(&mut sink, json)?;
    let document = sink.document.ok_or(SHAPE)?;
    T::from_resource(document.resource).ok_or(SHAPE)
}

fn decode_page<T: FromResource>(json: &[u8]) -> Result<Page<T>, &'static str> {
    let (resources, spaces, orgs) = (Vec::new(), Vec::new(), Vec::new());
    let mut sink = Listed { page: None, resources, spaces, orgs, count: 0 };
    into(&mut sink, json).map_err(|why| {
        let is_long = sink.count > MOST_RESOURCES;
        if is_long { "it lists more things than a page can hold" } else { why }
    })?;
    let document = sink.page.filter(|page| page.is_list).ok_or(SHAPE)?;
    let next = match (document.page.next, document.page.next_url) {
        (Next::Page(link), _) | (Next::Missing, Next::Page(link)) => Some(link),
        (Next::Last, _) | (Next::Missing, Next::Last) => None,
        (Next::Malformed, _) | (Next::Missing, Next::Malformed) => {
            return Err("its link to the next page is malformed");
        }
        (Next::Missing, Next::Missing) => {
            return Err("nothing in it shows whether more pages follow");
        }
    };
    Ok(Page { resources: sink.resources, spaces: sink.spaces, orgs: sink.orgs, next })
}

const SHAPE: &str = "it lacks what it must have";

/// Parses one JSON value, and nothing behind it, into a sink.
fn into<S: Sink>(sink: &mut S, json: &[u8]) -> Result<(), &'static str> {
    if json.len() > MOST_BYTES {
        return Err("it is larger than 64 MB");
    }
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    match json.trim_ascii_start() {
        [] => return Err("it is empty"),
        [0x1f, 0x8b, ..] => return Err("it is compressed, which was not asked for"),
        [b'<', ..] => return Err("it is HTML or XML"),
        _ => {}
    }
    let mut deserializer = Deserializer::from_slice(json);
    IntoSink(sink).deserialize(&mut deserializer).map_err(|e| match e.classify() {
        Category::Eof => "it ends early",
        _ if e.to_string().starts_with("recursion limit") => "it is nested too deeply",
        Category::Data => SHAPE,
        Category::Syntax | Category::Io => "it is not valid JSON",
    })?;
    deserializer.end().map_err(|_| "more follows behind its JSON")
}

/// Keeps the document.
#[derive(Default)]
struct One {
    document: Option<Document>,
}

impl Sink for One {
    fn resource(&mut self, _: Resource) -> bool {
        true
    }

    fn space(&mut self, _: Resource) {}

    fn org(&mut self, _: Resource) {}

    fn document(&mut self, document: Document) -> bool {
        self.document.replace(document).is_none()
    }
}

/// Keeps the things of a page.
struct Listed<T> {
    page: Option<Document>,
    resources: Vec<T>,
    spaces: Vec<Space>,
    orgs: Vec<Org>,
    /// Includes those that are not usable.
    count: usize,
}

impl<T: FromResource> Sink for Listed<T> {
    fn resource(&mut self, resource: Resource) -> bool {
        // A resource without a GUID is not usable; the others still are.
        self.resources.extend(T::from_resource(resource));
        self.count += 1;
        self.count <= MOST_RESOURCES
    }

    fn space(&mut self, resource: Resource) {
        if self.spaces.len() < MOST_RESOURCES {
            self.spaces.extend(Space::from_resource(resource));
        }
    }

    fn org(&mut self, resource: Resource) {
        if self.orgs.len() < MOST_RESOURCES {
            self.orgs.extend(Org::from_resource(resource));
        }
    }

    fn document(&mut self, document: Document) -> bool {
        self.page.replace(document).is_none()
    }
}
