//! A guide in nine short chapters, from one line to a cluster.
//!
//! The code of a chapter is a whole program of the folder `examples` in the repository. A test
//! compares both, and the tests run all of them.
//!
//! | chapter | teaches | types |
//! |---|---|---|
//! | [`one_line`] | a line as typed fields | [`Line`], [`Record`], [`Packet`] |
//! | [`parse_a_file`] | one record for each line of a file | [`records`], [`Content`] |
//! | [`stream`] | lines in pieces of any size, without copies | [`Lines`], [`RawLine`] |
//! | [`join`] | files to flows to tables | [`Query`](crate::query::Query), [`answers`](crate::answers) |
//! | [`own_directory`] | names from wherever you keep them; the two phases by hand | [`Gathering`], [`Directory`] |
//! | [`ledger_on_disk`] | evidence that outlives the logs | [`Ledger`], [`Sighting`] |
//! | [`follow`] | logs that are still being written | [`Follower`] |
//! | [`tokio`] | inside an asynchronous program | [`Deferred`], [`AsyncCloudController`] |
//! | [`python_and_spark`] | the way on to Python, Spark, Ray and Dask | |
//!
//! [`AsyncCloudController`]: asg_cc_client::AsyncCloudController
//! [`Content`]: asg_core::Content
//! [`Deferred`]: asg_core::names::Deferred
//! [`Directory`]: asg_core::Directory
//! [`Follower`]: asg_core::Follower
//! [`Gathering`]: asg_core::Gathering
//! [`Ledger`]: asg_core::Ledger
//! [`Line`]: asg_core::Line
//! [`Lines`]: asg_core::Lines
//! [`Packet`]: asg_core::Packet
//! [`RawLine`]: asg_core::line::RawLine
//! [`Record`]: asg_core::Record
//! [`Sighting`]: asg_core::ledger::Sighting
//! [`records`]: asg_core::records

macro_rules! chapters {
    ($($name:ident)*) => {$(
        #[doc = include_str!(concat!(stringify!($name), ".md"))]
        pub mod $name {}
    )*};
}

chapters! { one_line parse_a_file stream join own_directory ledger_on_disk follow tokio python_and_spark }
