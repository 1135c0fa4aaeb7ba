//! Ids of packets from their texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{CommunityId, FlowId};
use crate::error::Error;
use crate::words::from_str;

impl FlowId {
    /// Parses 32 hexadecimal digits, of either case, which is what this displays.
    ///
    /// # Errors
    ///
    /// If a digit is missing, or is another character, or if more follows; the offset is that of
    /// the byte.
    ///
    /// ```
    /// use asg_core::siem::FlowId;
    /// let id = FlowId::parse(b"5f0e3b7a9c2d41e8a6b4c8d2e0f19375")?;
    /// assert_eq!(id.to_string(), "5f0e3b7a9c2d41e8a6b4c8d2e0f19375");
    /// assert_eq!("5f0e3b7a9c2d41e8a6b4c8d2e0f19375".parse(), Ok(id));
    /// assert_eq!(FlowId::parse(b"5f0e-").unwrap_err().offset(), 4);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let mut id = [0; 16];
        for at in 0..32 {
            let digit = text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
            let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else {
                return Err(Error::expected_in(text, at, "a hexadecimal digit"));
            };
            id[at / 2] = id[at / 2] << 4 | digit;
        }
        if text.len() > 32 { Err(Error::expected(32, "the end of the id")) } else { Ok(Self(id)) }
    }
}

impl CommunityId {
    /// Parses `1:` and the base64 of 20 bytes, which is what this displays.
    ///
    /// # Errors
    ///
    /// If it is another text. The offset is 0 for another version, and else in the base64.
    ///
    /// ```
    /// use asg_core::siem::CommunityId;
    /// let id = CommunityId::parse(b"1:wCb3OG7yAFWelaUydu0D+125CLM=")?;
    /// assert_eq!(id.to_string(), "1:wCb3OG7yAFWelaUydu0D+125CLM=");
    /// assert_eq!("1:wCb3OG7yAFWelaUydu0D+125CLM=".parse(), Ok(id));
    /// assert!(CommunityId::parse(b"2:wCb3OG7yAFWelaUydu0D+125CLM=").is_err());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "the base64 of 20 bytes";
        let encoded = text.strip_prefix(b"1:").ok_or(Error::expected(0, "`1:`"))?;
        let mut id = [0; 20];
        // 20 bytes have 28 characters.
        match encoded.len() {
            28 => {}
            0..28 => return Err(Error::cut(text.len(), WHAT)),
            _ => return Err(Error::expected(30, "the end of the id")),
        }
        let bytes = STANDARD.decode(encoded).map_err(|error| {
            use base64::DecodeError::{InvalidByte, InvalidLastSymbol};
            let at = match error {
                InvalidByte(at, _) | InvalidLastSymbol { offset: at, .. } => at,
                _ => 0,
            };
            Error::expected(2 + at, WHAT)
        })?;
        if bytes.len() != id.len() {
            return Err(Error::expected(2, WHAT));
        }
        id.copy_from_slice(&bytes);
        Ok(Self(id))
    }
}

from_str!(FlowId, CommunityId);
