//! Requests as spans and notices as events, for programs that use `tracing` (feature `tracing`);
//! without the feature this does nothing.

use super::Notice;

#[cfg(feature = "tracing")]
mod imp {
    use super::Notice;

    pub(in crate::retry) type Span = tracing::Span;

    /// Returns the span of one request, with its repetitions. Headers and bodies stay out of it.
    pub(in crate::retry) fn span(method: &http::Method, target: &str) -> Span {
        tracing::debug_span!(target: "asg_cc_client", "request", %method, target)
    }

    pub(in crate::retry) fn notice(notice: &Notice<'_>) {
        match *notice {
            Notice::Sending { attempt, .. } => {
                tracing::debug!(target: "asg_cc_client", attempt, "sending");
            }
            Notice::Answered { status, .. } => {
                tracing::debug!(target: "asg_cc_client", status, "answered");
            }
            Notice::Lost { kind, .. } => {
                tracing::warn!(target: "asg_cc_client", ?kind, "no whole answer");
            }
            Notice::Waiting { pause, .. } => {
                tracing::warn!(target: "asg_cc_client", ?pause, "trying again later");
            }
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod imp {
    use super::Notice;

    /// No span.
    #[derive(Debug)]
    pub(in crate::retry) struct Span;

    impl Span {
        #[expect(clippy::unused_self, reason = "as tracing's")]
        pub(in crate::retry) fn in_scope<T>(&self, f: impl FnOnce() -> T) -> T {
            f()
        }
    }

    pub(in crate::retry) const fn span(_: &http::Method, _: &str) -> Span {
        Span
    }

    pub(in crate::retry) const fn notice(_: &Notice<'_>) {}
}

pub(super) use imp::{Span, notice, span};
