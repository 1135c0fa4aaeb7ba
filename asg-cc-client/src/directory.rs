//! Who knows whose process it is: the trait, and a cache around any directory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use asg_core::{AppState, Guid, Identity};

use crate::Error;

/// Turns GUIDs into identities.
///
/// # Example
///
/// A directory of one's own, for a foundation that has but one app:
///
/// ```
/// use asg_cc_client::{Directory, Error};
/// use asg_core::{AppState, Entity, Guid, Identity};
///
/// struct OnlyProxy(Guid);
///
/// impl Directory for OnlyProxy {
///     fn resolve(&self, ids: &[Guid]) -> Result<Vec<Identity>, Error> {
///         let one = |id: &Guid| match *id == self.0 {
///             true => Identity {
///                 state: AppState::Live,
///                 app: Some(Entity::named(id.to_string(), "proxy")),
///                 ..Identity::unknown()
///             },
///             false => Identity::unknown(),
///         };
///         Ok(ids.iter().map(one).collect())
///     }
/// }
///
/// let proxy: Guid = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?;
/// let found = OnlyProxy(proxy).resolve(&[proxy, Guid::from_u128(7)])?;
/// assert_eq!(found[0].app.as_ref().unwrap().name.as_deref(), Some("proxy"));
/// assert_eq!(found[1].state, AppState::Unknown);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Directory {
    /// One identity for each of `ids`, in their order.
    ///
    /// An id is a Cloud Controller process GUID (the first half of Diego's process GUID), an app GUID, a task GUID or a
    /// build GUID; which of these it is need not be known. What the directory does not find is an identity too:
    /// [`AppState::Hidden`] or [`AppState::Unknown`].
    ///
    /// # Errors
    ///
    /// If the directory cannot answer. Then nothing is known about any of `ids`, and least of all that they are gone.
    fn resolve(&self, ids: &[Guid]) -> Result<Vec<Identity>, Error>;
}

macro_rules! through_pointers {
    ($($pointer:ty),*) => {$(
        impl<D: Directory + ?Sized> Directory for $pointer {
            fn resolve(&self, ids: &[Guid]) -> Result<Vec<Identity>, Error> {
                (**self).resolve(ids)
            }
        }
    )*};
}

through_pointers!(&D, Box<D>, Arc<D>);

/// Asks one directory, and another for what the first does not find: a preloaded or saved one before a live one, say.
///
/// ```
/// use asg_cc_client::{Directory, Error, Export, Layered};
///
/// let app = br#"{"guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0","name":"proxy",
///     "links":{"self":{"href":"https://api.example.org/v3/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0"}}}"#;
/// let both = Layered(Export::new(), Export::from_pages([&app[..]])?);
/// let found = both.resolve(&["4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?])?;
/// assert_eq!(found[0].path().as_deref(), Some("?/?/proxy"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Layered<A, B>(pub A, pub B);

impl<A: Directory, B: Directory> Directory for Layered<A, B> {
    fn resolve(&self, ids: &[Guid]) -> Result<Vec<Identity>, Error> {
        let mut found = self.0.resolve(ids)?;
        let is_open = |one: &Identity| matches!(one.state, AppState::Hidden | AppState::Unknown);
        let open: Vec<Guid> =
            ids.iter().zip(&found).filter(|(_, one)| is_open(one)).map(|(id, _)| *id).collect();
        if !open.is_empty() {
            let second = self.1.resolve(&open)?;
            found.iter_mut().filter(|one| is_open(one)).zip(second).for_each(|(one, s)| *one = s);
        }
        Ok(found)
    }
}

/// Remembers what another directory said, and asks it only for what is new.
///
/// It remembers without limit in time, which is right for one run over logs. A program that runs for days calls
/// [`Cached::forget_unresolved`] now and then, since an app may be made visible or pushed meanwhile, and
/// [`Cached::clear`] to learn of renamed and deleted ones.
///
/// # Example
///
/// ```
/// use std::cell::Cell;
/// use asg_cc_client::{Cached, Directory, Error};
/// use asg_core::{Guid, Identity};
///
/// struct Counting(Cell<usize>);
///
/// impl Directory for Counting {
///     fn resolve(&self, ids: &[Guid]) -> Result<Vec<Identity>, Error> {
///         self.0.set(self.0.get() + ids.len());
///         Ok(vec![Identity::unknown(); ids.len()])
///     }
/// }
///
/// let directory = Cached::new(Counting(Cell::new(0)));
/// let id = Guid::from_u128(7);
/// directory.resolve(&[id, id])?;
/// directory.resolve(&[id])?;
/// assert_eq!(directory.get_ref().0.get(), 1);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Cached<D> {
    inner: D,
    known: Mutex<HashMap<Guid, Identity>>,
}

impl<D> Cached<D> {
    /// An empty cache around `inner`.
    #[must_use]
    pub fn new(inner: D) -> Self {
        Self { inner, known: Mutex::default() }
    }

    /// The directory that is asked.
    #[must_use]
    pub const fn get_ref(&self) -> &D {
        &self.inner
    }

    /// Forgets what was not found, so that it is asked for again.
    pub fn forget_unresolved(&self) {
        self.known().retain(|_, id| matches!(id.state, AppState::Live | AppState::Deleted));
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.known().clear();
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Guid, Identity>> {
        // The map is whole at every point at which a thread could panic.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Directory> Directory for Cached<D> {
    fn resolve(&self, ids: &[Guid]) -> Result<Vec<Identity>, Error> {
        let mut asked = HashSet::new();
        let mut new = Vec::new();
        // Taken out under one lock: another thread may clear the cache meanwhile.
        let old: Vec<Option<Identity>> = {
            let known = self.known();
            ids.iter().map(|id| known.get(id).cloned()).collect()
        };
        for (id, old) in ids.iter().zip(&old) {
            if old.is_none() && asked.insert(*id) {
                new.push(*id);
            }
        }
        // The lock is free while the network is busy: two threads may ask for the same, and get the same.
        let found = if new.is_empty() { Vec::new() } else { self.inner.resolve(&new)? };
        let found: HashMap<Guid, Identity> = new.into_iter().zip(found).collect();
        self.known().extend(found.iter().map(|(id, identity)| (*id, identity.clone())));
        let answer = |(id, old): (&Guid, Option<Identity>)| {
            old.or_else(|| found.get(id).cloned()).unwrap_or_else(Identity::unknown)
        };
        Ok(ids.iter().zip(old).map(answer).collect())
    }
}
