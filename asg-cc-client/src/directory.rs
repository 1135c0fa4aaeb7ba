//! Who knows whose process it is: the trait, and two directories as one.

use std::sync::Arc;

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
