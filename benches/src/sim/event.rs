//! Events, in the order of time.

use super::cell::Key;

/// The event of a time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// A container sends something.
    Packet(Key),
    /// Garden has made a container.
    Created(Key),
    /// The process in it answers.
    Running(Key),
    /// A task or a build ends.
    Ended(Key),
    /// A container is to go, because it was moved.
    Stop(Key),
    /// Garden has destroyed it.
    Destroyed(Key),
    /// An instance of a process is to start, if the process is still there.
    Start {
        app: usize,
        process: usize,
        index: u32,
    },
    /// All processes of an app are to start.
    Launch {
        app: usize,
    },
    /// rep checks all of a cell's containers.
    Bulk {
        cell: usize,
    },
    /// A cell logs something about no container.
    Noise {
        cell: usize,
    },
    /// Someone acts.
    Act,
    /// A deployment goes on.
    Deploy(Deployment),
    /// A cell that was emptied boots, or waits for its last containers.
    Boot {
        cell: usize,
    },
    /// A cell reboots without warning.
    Reboot,
    /// Someone changes a security group, or takes the last change back.
    Regroup,
    Undo,
    /// A listing of all security groups is made.
    List,
    /// The server of rules looks at Cloud Controller, and an agent at the server.
    Serve,
    Agent {
        cell: usize,
    },
}

/// A rolling deployment: instance by instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deployment {
    pub(super) app: usize,
    pub(super) old: usize,
    pub(super) new: usize,
    /// The instance that starts next.
    pub(super) next: u32,
    /// Whether it began with a canary, which is still watched.
    pub(super) canary: bool,
}

/// An event, and its time.
pub(super) struct Due {
    pub(super) at: i64,
    /// For events at equal times, the first that was planned comes first.
    pub(super) order: u64,
    pub(super) event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
