//! Tokens in the shape of a JSON Web Token; nobody checks their signature.

use serde_json::{Value, json};

/// Returns a token with header, claims and an invalid signature.
pub(super) fn token(claims: &Value) -> String {
    let header = json!({ "alg": "RS256", "kid": "embedded", "typ": "JWT" });
    let part = |value: &Value| base64(value.to_string().as_bytes());
    format!("{}.{}.{}", part(&header), part(claims), base64(b"not signed"))
}

const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Encodes base 64 without padding.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let held = three.iter().fold(0_u32, |held, byte| held << 8 | u32::from(*byte));
        let held = held << (8 * (3 - three.len()));
        for digit in 0..=three.len() {
            text.push(URL_SAFE[(held >> (18 - 6 * digit) & 63) as usize].into());
        }
    }
    text
}

/// Decodes standard base 64, padded or not; `None` if it is something else.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0_u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let digit = match digit {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        };
        let value = URL_SAFE.iter().position(|d| *d == digit)?;
        held = held << 6 | value as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_goes_back_and_forth() {
        assert_eq!(base64(b"{\"a\":1}?"), "eyJhIjoxfT8");
        assert_eq!(from_base64("Y2Y6").as_deref(), Some(&b"cf:"[..]));
        assert_eq!(from_base64("Y2Y!"), None);
        for length in 0..32 {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(151)).collect();
            assert_eq!(from_base64(&base64(&bytes)), Some(bytes));
        }
    }
}
