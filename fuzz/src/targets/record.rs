//! Any line gives a record, and its parts are consistent.

use asg_core::record::documents;
use asg_core::time::YearPolicy;
use asg_core::{Content, Line, Origin, Record, SourceId, TimePolicy, Timestamp};

pub(crate) fn record(data: &[u8]) {
    let line = Line::new(data);
    let record = Record::classify(&line);
    assert_eq!(Record::parse(&line).is_err(), record.kind() == "damaged");
    if let Content::Damaged(damaged) = &record.content {
        assert!(damaged.error.offset() <= data.len(), "{}", damaged.error);
    }
    let origin = Origin { source: SourceId(0), line: 1 };
    let mut proved = 0;
    record.evidence(origin, |evidence| {
        assert_eq!(evidence.origin, origin);
        proved += 1;
    });
    if proved > 0 {
        assert!(matches!(record.kind(), "rep" | "logger" | "damaged"), "{}", record.kind());
    }
    let end = Timestamp::from_nanos(1_700_000_000_000_000_000);
    let policy =
        TimePolicy { year: YearPolicy::NotAfter(end), boot: Some(end), utc_offset: Some(3_600) };
    if let Some(read) = record.resolved_time(&TimePolicy::default()) {
        // A time that is shown whole, or lacks only a zone, does not depend on the year or the
        // boot.
        assert_eq!(record.time(&TimePolicy { utc_offset: None, ..policy }), Some(read.time));
    }
    let _ = record.resolved_time(&policy);
    let _ = documents::evidence(data, origin, |_| ());
}
