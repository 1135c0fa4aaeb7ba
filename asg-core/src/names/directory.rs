//! The directory contract: a source of the app that a GUID belongs to.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::sync::Arc;

use crate::guid::Guid;
use crate::names::identity::Identity;

/// Looks up identities by GUID.
///
/// A GUID is a Cloud Controller process GUID (the first half of Diego's process GUID), an app GUID,
/// a task GUID or a build GUID. The caller need not know which.
///
/// The answer is keyed by GUID, so its order does not matter. A GUID that is missing from the
/// answer counts as *not asked*: the caller may ask for it again, as it may for one with
/// [`Identity::unavailable`]. A directory that searched and found nothing answers
/// [`Identity::unknown`] or [`Identity::hidden`].
///
/// A directory that several threads may ask at a time implements the trait for `&Self` too, as
/// `File` implements `Read`. An `Arc` of it is a directory then.
///
/// [`Deferred`](crate::names::Deferred) is for directories whose answers come later, as those of an
/// asynchronous client.
///
/// # Example
///
/// A database that returns only the rows it has:
///
/// ```
/// use std::collections::HashMap;
/// use std::convert::Infallible;
/// use asg_core::names::{AppState, Entity};
/// use asg_core::{Directory, Guid, Identity};
///
/// struct Names(HashMap<Guid, String>);
///
/// impl Directory for Names {
///     type Error = Infallible;
///
///     fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Infallible> {
///         let row = |guid: &Guid| {
///             let app = Entity::named(guid.to_string(), self.0.get(guid)?);
///             let identity =
///                 Identity { state: AppState::Live, app: Some(app), ..Identity::unknown() };
///             Some((*guid, identity))
///         };
///         Ok(guids.iter().filter_map(row).collect())
///     }
/// }
///
/// let proxy: Guid = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?;
/// let mut names = Names(HashMap::from([(proxy, "proxy".to_owned())]));
/// let found = names.identities(&[Guid::from_u128(7), proxy])?;
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[&proxy].app.as_ref().unwrap().name.as_deref(), Some("proxy"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Directory {
    /// The reason why no answer could be given.
    type Error;

    /// Looks up these GUIDs; each occurs once. Identities of other GUIDs in the answer are
    /// ignored.
    ///
    /// # Errors
    ///
    /// If the directory cannot answer. Then nothing is known about any of the GUIDs, and they may
    /// be asked for again.
    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Self::Error>;
}

impl<D: Directory + ?Sized> Directory for &mut D {
    type Error = D::Error;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, D::Error> {
        (**self).identities(guids)
    }
}

impl<D: Directory + ?Sized> Directory for Box<D> {
    type Error = D::Error;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, D::Error> {
        (**self).identities(guids)
    }
}

impl<D: ?Sized, E> Directory for Arc<D>
where
    for<'a> &'a D: Directory<Error = E>,
{
    type Error = E;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, E> {
        (&**self).identities(guids)
    }
}

/// A directory in memory: for tests, and for callers that have all names. A GUID that is not in the
/// map stays open.
///
/// ```
/// use std::collections::HashMap;
/// use asg_core::names::AppState;
/// use asg_core::{Directory, Guid, Identity};
///
/// let [seven, eight] = [7, 8].map(Guid::from_u128);
/// let mut known = HashMap::from([(seven, Identity::hidden())]);
/// let found = known.identities(&[seven, eight])?;
/// assert_eq!((found.len(), found[&seven].state), (1, AppState::Hidden));
/// # Ok::<(), std::convert::Infallible>(())
/// ```
impl<S: BuildHasher> Directory for HashMap<Guid, Identity, S> {
    type Error = Infallible;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Infallible> {
        (&*self).identities(guids)
    }
}

impl<S: BuildHasher> Directory for &HashMap<Guid, Identity, S> {
    type Error = Infallible;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Infallible> {
        let known = |guid: &Guid| Some((*guid, self.get(guid)?.clone()));
        Ok(guids.iter().filter_map(known).collect())
    }
}

/// The directory that is never asked: every identity stays open.
///
/// ```
/// use asg_core::{Directory, Guid, NoDirectory};
///
/// assert!(NoDirectory.identities(&[Guid::from_u128(7)]).unwrap().is_empty());
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "its fields are all that it can have")]
pub struct NoDirectory;

impl Directory for NoDirectory {
    type Error = Infallible;

    fn identities(&mut self, _: &[Guid]) -> Result<HashMap<Guid, Identity>, Infallible> {
        Ok(HashMap::new())
    }
}

impl Directory for &NoDirectory {
    type Error = Infallible;

    fn identities(&mut self, _: &[Guid]) -> Result<HashMap<Guid, Identity>, Infallible> {
        Ok(HashMap::new())
    }
}

/// A directory made of a closure; see [`directory_fn`].
#[derive(Debug, Clone)]
pub struct DirectoryFn<F>(F);

/// Makes a directory of a closure.
///
/// ```
/// use std::collections::HashMap;
/// use asg_core::names::directory_fn;
/// use asg_core::{Directory, Guid, Identity};
///
/// let mut failing = directory_fn(|_: &[Guid]| Err::<HashMap<Guid, Identity>, _>("out of order"));
/// assert_eq!(failing.identities(&[]), Err("out of order"));
/// ```
pub const fn directory_fn<F, E>(closure: F) -> DirectoryFn<F>
where
    F: FnMut(&[Guid]) -> Result<HashMap<Guid, Identity>, E>,
{
    DirectoryFn(closure)
}

impl<F, E> Directory for DirectoryFn<F>
where
    F: FnMut(&[Guid]) -> Result<HashMap<Guid, Identity>, E>,
{
    type Error = E;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, E> {
        (self.0)(guids)
    }
}

impl<F, E> Directory for &DirectoryFn<F>
where
    F: Fn(&[Guid]) -> Result<HashMap<Guid, Identity>, E>,
{
    type Error = E;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, E> {
        (self.0)(guids)
    }
}
