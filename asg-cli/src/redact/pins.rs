//! What stays as it is: the special blocks of addresses, and the bits of a GUID that show its
//! maker.

use super::tree::Pin;

const fn v4(octets: [u8; 4], bits: u32) -> Pin {
    Pin { base: (u32::from_be_bytes(octets) as u128) << 96, bits, is_whole: true }
}

const fn v6(base: u128, bits: u32, is_whole: bool) -> Pin {
    Pin { base, bits, is_whole }
}

const fn mac(base: u64, bits: u32, is_whole: bool) -> Pin {
    Pin { base: (base as u128) << 80, bits, is_whole }
}

/// IPv4 blocks that mean the same everywhere (RFC 6890).
///
/// A pin keeps the leading bits of its neighbours, too: `10.0.0.0/8` becomes a block below
/// `64.0.0.0`. So there are few.
pub(super) const V4: [Pin; 3] = [
    // Loopback.
    v4([127, 0, 0, 0], 8),
    // Link local, with the clouds' metadata services.
    v4([169, 254, 0, 0], 16),
    // Multicast, reserved, broadcast.
    v4([224, 0, 0, 0], 3),
];

/// IPv6 blocks. The lower half of a link-local address is a machine's, and is not kept.
pub(super) const V6: [Pin; 5] = [
    // Unspecified and loopback.
    v6(0, 127, true),
    // IPv4 in IPv6: the rest is mapped as IPv4.
    v6(MAPPED, MAPPED_BITS, true),
    v6(0xfe80 << 112, 64, false),
    // Multicast: flags and scope; and the groups of the link that everybody knows.
    v6(0xff00 << 112, 8, false),
    v6(0xff02 << 112, 112, true),
];

/// `::ffff:0:0/96`.
pub(super) const MAPPED: u128 = 0xffff << 32;
pub(super) const MAPPED_BITS: u32 = 96;

/// Link addresses: none, broadcast, and silk's two forms, which are mapped as IPv4.
pub(super) const MAC: [Pin; 4] = [
    mac(0, 48, true),
    mac(0xffff_ffff_ffff, 48, true),
    mac(0xaaaa_0000_0000, 16, true),
    mac(0xeeee_0000_0000, 16, true),
];

/// Returns whether a bit of a link address is kept: individual or group, universal or local.
pub(super) const fn is_kind_of_mac(bit: u32) -> bool {
    matches!(bit, 6 | 7)
}

/// Returns whether a bit of a GUID is kept: the version, and the two bits that tell a GUID of
/// Diego from one of Cloud Controller.
pub(super) const fn is_kind_of_guid(bit: u32) -> bool {
    matches!(bit, 48..52 | 64..66)
}
