//! Values as texts: enums as the words of the outputs, and `FromStr` by `parse`.

/// Gives enums without fields their words: `as_str`, `ALL`, `parse`, `FromStr`, `Display`, and
/// serde's traits.
///
/// A row is the public module, the type, what a value is, and a word for each case.
macro_rules! words {
    ($($module:literal $type:ident $what:literal {
        $first:ident = $first_word:literal $(, $case:ident = $word:literal)* $(,)?
    })+) => {$(
        impl $type {
            /// All of them, in the order of their declaration.
            pub const ALL: [Self; [$first_word $(, $word)*].len()] =
                [Self::$first $(, Self::$case)*];

            /// Returns the word of the outputs.
            ///
            /// ```
            #[doc = concat!("use asg_core::", $module, "::", stringify!($type), ";")]
            #[doc = concat!(
                "assert_eq!(", stringify!($type), "::", stringify!($first), ".as_str(), \"", $first_word, "\");"
            )]
            /// ```
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$case => $word,)*
                }
            }

            /// Parses that word.
            ///
            /// # Errors
            ///
            /// If it is another; the offset is 0.
            ///
            /// ```
            #[doc = concat!("use asg_core::", $module, "::", stringify!($type), ";")]
            #[doc = concat!(
                "assert_eq!(", stringify!($type), "::parse(b\"", $first_word, "\")?, ",
                stringify!($type), "::", stringify!($first), ");"
            )]
            #[doc = concat!("assert!(", stringify!($type), "::parse(b\"another\").is_err());")]
            /// # Ok::<(), asg_core::Error>(())
            /// ```
            pub fn parse(text: &[u8]) -> Result<Self, crate::error::Error> {
                const WHAT: &str =
                    concat!($what, ": `", $first_word, "`" $(, ", `", $word, "`")*);
                let found = Self::ALL.into_iter().find(|it| it.as_str().as_bytes() == text);
                found.ok_or(crate::error::Error::expected(0, WHAT))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        crate::words::from_str!($type);

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                Self::parse(text.as_bytes()).map_err(|e| serde::de::Error::custom(e.reason()))
            }
        }
    )+};
}

/// Implements `FromStr` by the type's own `parse`, which takes bytes.
macro_rules! from_str {
    ($($type:ty),+) => {$(
        impl std::str::FromStr for $type {
            type Err = crate::error::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text.as_bytes())
            }
        }
    )+};
}

pub(crate) use {from_str, words};
