//! Two directories as one.

use std::collections::HashMap;

use asg_core::names::AppState;
use asg_core::{Directory, Guid, Identity};

use crate::error::Error;

/// Asks one directory, and another for the GUIDs that the first does not find: a preloaded or saved
/// one before a live one.
///
/// If the second has no answer, that of the first stays.
///
/// ```
/// use asg_cc_client::{Export, Layered};
///
/// let app = br#"{"guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0","name":"proxy",
///     "links":{"self":{"href":"https://api.example.org/v3/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0"}}}"#;
/// let both = Layered(Export::new(), Export::from_pages([&app[..]])?);
/// let proxy = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?;
/// assert_eq!(both.resolve(&[proxy])?[&proxy].path().as_deref(), Some("?/?/proxy"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "its fields are all that it can have")]
pub struct Layered<A, B>(pub A, pub B);

impl<A, B> Layered<A, B>
where
    for<'a> &'a A: Directory<Error: Into<Error>>,
    for<'a> &'a B: Directory<Error: Into<Error>>,
{
    /// Looks up these GUIDs, as [`Directory::identities`] does, without exclusive access.
    ///
    /// # Errors
    ///
    /// If one of the two directories fails.
    ///
    /// ```
    /// use asg_cc_client::{Export, Layered};
    /// let seven = asg_core::Guid::from_u128(7);
    /// assert!(Layered(Export::new(), Export::new()).resolve(&[seven])?[&seven].app.is_none());
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn resolve(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        in_layers(guids, &mut &self.0, &mut &self.1)
    }
}

impl<A, B> Directory for Layered<A, B>
where
    A: Directory<Error: Into<Error>>,
    B: Directory<Error: Into<Error>>,
{
    type Error = Error;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        in_layers(guids, &mut self.0, &mut self.1)
    }
}

impl<A, B> Directory for &Layered<A, B>
where
    for<'a> &'a A: Directory<Error: Into<Error>>,
    for<'a> &'a B: Directory<Error: Into<Error>>,
{
    type Error = Error;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        self.resolve(guids)
    }
}

fn in_layers<A, B>(
    guids: &[Guid],
    first: &mut A,
    second: &mut B,
) -> Result<HashMap<Guid, Identity>, Error>
where
    A: Directory<Error: Into<Error>>,
    B: Directory<Error: Into<Error>>,
{
    let mut found = first.identities(guids).map_err(Into::into)?;
    let is_final = |one: &Identity| matches!(one.state, AppState::Live | AppState::Deleted);
    let open = guids.iter().filter(|guid| !found.get(*guid).is_some_and(is_final));
    let open: Vec<Guid> = open.copied().collect();
    if !open.is_empty() {
        found.extend(second.identities(&open).map_err(Into::into)?);
    }
    Ok(found)
}
