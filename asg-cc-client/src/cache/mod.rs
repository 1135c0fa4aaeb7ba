//! A cache in front of a directory: with lifetimes, a limit, one question at a time per id, and a
//! file.
//!
//! [`Cached`] is the cache and [`CacheOptions`] its lifetimes and size.
//!
//! ```
//! use std::time::Duration;
//!
//! use asg_cc_client::cache::CacheOptions;
//! use asg_cc_client::{Cached, Export};
//!
//! let options = CacheOptions { live: Some(Duration::from_secs(600)), ..CacheOptions::default() };
//! let cached = Cached::with_options(Export::new(), options);
//! assert!(cached.is_empty());
//! ```

mod file;
mod memory;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use asg_core::names::AppState;
use asg_core::{Directory, Guid, Identity, Timestamp};

use crate::clock::later;
use crate::clock::{Clock, Random};
use crate::error::Error;
use crate::file::replace;
use memory::Memory;

/// The lifetimes of [`Cached`] and its size.
///
/// ```
/// use asg_cc_client::cache::CacheOptions;
///
/// let forever = CacheOptions { live: None, missing: None, ..CacheOptions::default() };
/// assert!(forever.deleted.is_some());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct CacheOptions {
    /// For living apps, which may be renamed or deleted. An hour; `None` is for ever, here and
    /// below.
    pub live: Option<Duration>,
    /// For deleted apps, which stay deleted. 30 days.
    pub deleted: Option<Duration>,
    /// For apps that are hidden, unknown or unavailable: they may be pushed or shown later. 5
    /// minutes.
    pub missing: Option<Duration>,
    /// The random variation of lifetimes, as a share, so that not all end at once. 0.2.
    pub jitter: f64,
    /// The maximum number of ids; beyond it, the oldest are removed first. 250,000.
    pub capacity: usize,
}

impl CacheOptions {
    /// The default, as a constant.
    ///
    /// ```
    /// use asg_cc_client::cache::CacheOptions;
    /// const SMALL: CacheOptions = CacheOptions { capacity: 100, ..CacheOptions::DEFAULT };
    /// assert_eq!(SMALL.live.unwrap().as_secs(), 3_600);
    /// ```
    pub const DEFAULT: Self = Self {
        live: Some(Duration::from_secs(3_600)),
        deleted: Some(Duration::from_secs(30 * 24 * 3_600)),
        missing: Some(Duration::from_secs(300)),
        jitter: 0.2,
        capacity: 250_000,
    };
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl CacheOptions {
    const fn lifetime(&self, state: AppState) -> Option<Duration> {
        match state {
            AppState::Live => self.live,
            AppState::Deleted => self.deleted,
            _ => self.missing,
        }
    }

    /// Returns when something in this state expires that is inserted now; `chance` is 0 to 1.
    fn end(&self, state: AppState, now: Timestamp, chance: f64) -> Option<Timestamp> {
        let factor = 1.0 + self.jitter.clamp(0.0, 1.0) * (2.0 * chance - 1.0);
        Some(later(now, self.lifetime(state)?.mul_f64(factor)))
    }
}

/// Caches the answers of another directory, and asks it only for new ids.
///
/// Threads that want one id at the same time ask once; the others wait for that answer, or that
/// failure. Failures are not cached.
///
/// # Example
///
/// ```
/// use std::cell::Cell;
/// use asg_cc_client::{Cached, Error};
/// use asg_core::names::directory_fn;
/// use asg_core::{Guid, Identity};
///
/// let asked = Cell::new(0);
/// let slow = |guids: &[Guid]| {
///     asked.set(asked.get() + guids.len());
///     Ok::<_, Error>(guids.iter().map(|guid| (*guid, Identity::unknown())).collect())
/// };
/// let directory = Cached::new(directory_fn(slow));
/// let seven = Guid::from_u128(7);
/// directory.resolve(&[seven, seven])?;
/// directory.resolve(&[seven])?;
/// assert_eq!(asked.get(), 1);
/// # Ok::<(), Error>(())
/// ```
pub struct Cached<D> {
    inner: D,
    options: CacheOptions,
    clock: Clock,
    random: Random,
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Default)]
struct State {
    memory: Memory,
    /// Ids that somebody is asking for.
    flights: HashMap<Guid, Arc<Flight>>,
}

/// One open question; it gets an error if it fails.
type Flight = OnceLock<Error>;

impl<D> Cached<D> {
    /// Creates an empty cache around `inner`, with [`CacheOptions::default`].
    ///
    /// ```
    /// # use asg_cc_client::{Cached, Error, Export};
    /// # use asg_core::Guid;
    /// let cached = Cached::new(Export::new());
    /// assert!(cached.is_empty());
    /// ```
    #[must_use]
    pub fn new(inner: D) -> Self {
        Self::with_options(inner, CacheOptions::default())
    }

    /// Creates an empty cache around `inner`, with these options.
    ///
    /// ```
    /// use asg_cc_client::cache::CacheOptions;
    /// use asg_cc_client::{Cached, Export};
    ///
    /// let options = CacheOptions { live: None, ..CacheOptions::default() };
    /// assert!(Cached::with_options(Export::new(), options).is_empty());
    /// ```
    #[must_use]
    pub fn with_options(inner: D, options: CacheOptions) -> Self {
        Self {
            inner,
            options,
            clock: Clock::system(),
            random: Random::system(),
            state: Mutex::default(),
            landed: Condvar::new(),
        }
    }

    /// Takes the time from this clock.
    ///
    /// ```
    /// # use asg_cc_client::{Cached, Error, Export};
    /// # use asg_core::Guid;
    /// let cached = Cached::new(Export::new());
    /// let clock = asg_cc_client::clock::Clock::new(|| asg_core::Timestamp::from_nanos(0));
    /// let cached = cached.with_clock(clock);
    /// assert!(cached.is_empty());
    /// ```
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Takes the variation of lifetimes from these numbers.
    ///
    /// ```
    /// # use asg_cc_client::{Cached, Error, Export};
    /// # use asg_core::Guid;
    /// let cached = Cached::new(Export::new());
    /// assert!(cached.with_random(asg_cc_client::clock::Random::seeded(7)).is_empty());
    /// ```
    #[must_use]
    pub fn with_random(self, random: Random) -> Self {
        Self { random, ..self }
    }

    /// Returns the inner directory.
    ///
    /// ```
    /// # use asg_cc_client::{Cached, Error, Export};
    /// # use asg_core::Guid;
    /// let cached = Cached::new(Export::new());
    /// assert!(cached.get_ref().is_empty());
    /// ```
    #[must_use]
    pub const fn get_ref(&self) -> &D {
        &self.inner
    }

    /// Returns the number of cached ids, including expired ones that were not asked for since.
    ///
    /// ```
    /// # use asg_cc_client::{Cached, Error, Export};
    /// # use asg_core::Guid;
    /// let cached = Cached::new(Export::new());
    /// cached.resolve(&[Guid::from_u128(7)])?;
    /// assert_eq!(cached.len(), 1);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn len(&self) -> usize {
        self.state().memory.len()
    }

    /// Returns whether the cache is empty.
    ///
    /// ```
    /// # use asg_cc_client::{Cached, Error, Export};
    /// # use asg_core::Guid;
    /// let cached = Cached::new(Export::new());
    /// cached.resolve(&[Guid::from_u128(7)])?;
    /// assert!(!cached.is_empty());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes ids that were not found, so that they are asked for again.
    ///
    /// ```
    /// # use asg_cc_client::{Cached, Error, Export};
    /// # use asg_core::Guid;
    /// let cached = Cached::new(Export::new());
    /// cached.resolve(&[Guid::from_u128(7)])?;
    /// cached.forget_unresolved();
    /// assert!(cached.is_empty(), "it was not found");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn forget_unresolved(&self) {
        self.state()
            .memory
            .retain(|identity| matches!(identity.state, AppState::Live | AppState::Deleted));
    }

    /// Removes everything.
    ///
    /// ```
    /// # use asg_cc_client::{Cached, Error, Export};
    /// # use asg_core::Guid;
    /// let cached = Cached::new(Export::new());
    /// cached.resolve(&[Guid::from_u128(7)])?;
    /// cached.clear();
    /// assert!(cached.is_empty());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn clear(&self) {
        self.state().memory.retain(|_| false);
    }

    /// Writes all cached ids, except failed searches, as the text of a file that
    /// [`Cached::restore`] parses. `foundation` names the owner of these GUIDs, such as the API's
    /// address.
    ///
    /// ```
    /// # use asg_cc_client::Export;
    /// let app = br#"{"guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0","name":"proxy","links":{"self":
    ///     {"href":"https://api.example.org/v3/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0"}}}"#;
    /// # use asg_cc_client::Cached;
    /// let cached = Cached::new(Export::from_pages([&app[..]])?);
    /// cached.resolve(&["4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?])?;
    /// let text = cached.dump("https://cf.example");
    /// assert_eq!(Cached::new(Export::new()).restore(&text, "https://cf.example")?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dump(&self, foundation: &str) -> Vec<u8> {
        file::write(foundation, self.state().memory.iter())
    }

    /// Adds the entries of such a text that have not expired, and returns their number. Ids that
    /// are cached already stay unchanged.
    ///
    /// # Errors
    ///
    /// [`Error::CacheFile`] if the text is damaged anywhere, or of another version or foundation;
    /// then nothing is taken from it.
    ///
    /// ```
    /// # use asg_cc_client::{Cached, Error, Export};
    /// # use asg_core::Guid;
    /// let cached = Cached::new(Export::new());
    /// cached.resolve(&[Guid::from_u128(7)])?;
    /// let text = cached.dump("https://cf.example");
    /// let other = Cached::new(Export::new()).restore(&text, "https://cf.example.com");
    /// assert!(other.is_err() || other == Ok(0), "it is another foundation's");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn restore(&self, text: &[u8], foundation: &str) -> Result<usize, Error> {
        let entries = file::parse(text, foundation)?;
        let now = self.clock.now();
        let mut state = self.state();
        let before = state.memory.len();
        for (id, identity, end) in entries {
            // No longer than a new entry: options may have changed, and clocks go wrong.
            let latest = self.options.end(identity.state, now, 1.0);
            let end = match (end, latest) {
                (Some(end), Some(latest)) => Some(end.min(latest)),
                (end, latest) => end.or(latest),
            };
            if end.is_none_or(|end| now < end) && state.memory.get(&id, now).is_none() {
                state.memory.insert(id, identity, end, self.options.capacity);
            }
        }
        Ok(state.memory.len() - before)
    }

    /// Writes [`Cached::dump`] to a file: whole or not at all, by way of a temporary file beside
    /// it. Only its owner may read it.
    ///
    /// # Errors
    ///
    /// [`Error::CacheFile`] with the system's reason.
    ///
    /// ```
    /// # use asg_cc_client::{Cached, Error, Export};
    /// # use asg_core::Guid;
    /// let cached = Cached::new(Export::new());
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("names.cache");
    /// cached.save(&path, "https://cf.example")?;
    /// assert_eq!(cached.load(&path, "https://cf.example")?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, path: &Path, foundation: &str) -> Result<(), Error> {
        replace(path, &self.dump(foundation))
            .map_err(|e| Error::CacheFile(format!("{}: {e}", path.display())))
    }

    /// Loads a file of [`Cached::save`]; a missing file is not an error, and gives 0.
    ///
    /// # Errors
    ///
    /// Like [`Cached::restore`], or if the file cannot be read.
    ///
    /// ```
    /// # use asg_cc_client::Export;
    /// let app = br#"{"guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0","name":"proxy","links":{"self":
    ///     {"href":"https://api.example.org/v3/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0"}}}"#;
    /// # use asg_cc_client::Cached;
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("names.cache");
    /// let cached = Cached::new(Export::from_pages([&app[..]])?);
    /// cached.resolve(&["4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?])?;
    /// cached.save(&path, "https://cf.example")?;
    /// assert_eq!(Cached::new(Export::new()).load(&path, "https://cf.example")?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(&self, path: &Path, foundation: &str) -> Result<usize, Error> {
        match std::fs::read(path) {
            Ok(text) => self.restore(&text, foundation),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(e) => Err(Error::CacheFile(format!("{}: {e}", path.display()))),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The maps are consistent wherever a thread could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D> Cached<D>
where
    for<'a> &'a D: Directory<Error: Into<Error>>,
{
    /// Looks up these GUIDs; asks the inner directory only for those that are not cached.
    ///
    /// # Errors
    ///
    /// If the inner directory fails, in this thread or in the one that asked first.
    ///
    /// ```
    /// # use asg_cc_client::{Cached, Error, Export};
    /// # use asg_core::Guid;
    /// let cached = Cached::new(Export::new());
    /// let seven = Guid::from_u128(7);
    /// assert_eq!(cached.resolve(&[seven])?.len(), 1);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn resolve(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        let mut answers: HashMap<Guid, Identity> = HashMap::new();
        // The inner directory is asked once for each GUID; it need not know every one.
        let mut asked: HashSet<Guid> = HashSet::new();
        loop {
            let now = self.clock.now();
            let mut mine = Boarding { cache: self, ids: Vec::new(), flight: Arc::default() };
            let mut others: Option<Arc<Flight>> = None;
            let mut state = self.state();
            for id in guids.iter().filter(|id| !answers.contains_key(id)).collect::<Vec<_>>() {
                if let Some(identity) = state.memory.get(id, now) {
                    answers.insert(*id, identity.clone());
                } else if asked.contains(id) {
                } else if let Some(flight) = state.flights.get(id) {
                    if !Arc::ptr_eq(flight, &mine.flight) {
                        others = Some(Arc::clone(flight));
                    }
                } else {
                    state.flights.insert(*id, Arc::clone(&mine.flight));
                    mine.ids.push(*id);
                }
            }
            if !mine.ids.is_empty() {
                drop(state);
                asked.extend(mine.ids.iter().copied());
                answers.extend(mine.fly(now)?);
            } else if let Some(flight) = others {
                let out =
                    |state: &mut State| state.flights.values().any(|f| Arc::ptr_eq(f, &flight));
                drop(self.landed.wait_while(state, out));
                // Its caller stopped that question only.
                if let Some(error) = flight.get().filter(|error| !error.is_stop()) {
                    return Err(error.clone());
                }
            } else {
                drop(state);
                return Ok(answers);
            }
        }
    }
}

impl<D> Directory for Cached<D>
where
    for<'a> &'a D: Directory<Error: Into<Error>>,
{
    type Error = Error;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        self.resolve(guids)
    }
}

impl<D> Directory for &Cached<D>
where
    for<'a> &'a D: Directory<Error: Into<Error>>,
{
    type Error = Error;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        self.resolve(guids)
    }
}

/// GUIDs that this thread asks for. However it ends, others may ask for them afterwards.
struct Boarding<'a, D> {
    cache: &'a Cached<D>,
    ids: Vec<Guid>,
    flight: Arc<Flight>,
}

impl<D> Boarding<'_, D>
where
    for<'a> &'a D: Directory<Error: Into<Error>>,
{
    fn fly(self, now: Timestamp) -> Result<HashMap<Guid, Identity>, Error> {
        let Self { cache, ids, flight } = &self;
        let mut found =
            (&cache.inner).identities(ids).map_err(Into::into).inspect_err(|error| {
                drop(flight.set(error.clone()));
            })?;
        let wanted: HashSet<Guid> = ids.iter().copied().collect();
        found.retain(|id, _| wanted.contains(id));
        let mut state = cache.state();
        for id in ids {
            let Some(identity) = found.get(id).filter(|it| it.state != AppState::NotAsked) else {
                continue;
            };
            let end = cache.options.end(identity.state, now, cache.random.next());
            state.memory.insert(*id, identity.clone(), end, cache.options.capacity);
        }
        drop(state);
        Ok(found)
    }
}

impl<D> Drop for Boarding<'_, D> {
    fn drop(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let mut state = self.cache.state();
        for id in &self.ids {
            state.flights.remove(id);
        }
        drop(state);
        self.cache.landed.notify_all();
    }
}

impl<D: fmt::Debug> fmt::Debug for Cached<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("inner", &self.inner)
            .field("options", &self.options)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
