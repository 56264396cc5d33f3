//! Which IP addresses are of the public internet.
//!
//! From IANA's registries of special-purpose addresses, for IPv4 and IPv6, as of 2025. What is doubtful is not
//! public: nobody serves a file from there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Blocks of IPv4 that are not public: first address, bits of the prefix.
const NOT_PUBLIC_V4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),       // "this network", RFC 791
    ([10, 0, 0, 0], 8),      // private, RFC 1918
    ([100, 64, 0, 0], 10),   // shared by the customers of a carrier, RFC 6598
    ([127, 0, 0, 0], 8),     // loopback, RFC 1122
    ([169, 254, 0, 0], 16),  // link-local, and the metadata of every cloud, RFC 3927
    ([172, 16, 0, 0], 12),   // private, RFC 1918
    ([192, 0, 0, 0], 24),    // protocol assignments, RFC 6890
    ([192, 0, 2, 0], 24),    // documentation, RFC 5737
    ([192, 31, 196, 0], 24), // AS112, answers name queries only, RFC 7535
    ([192, 88, 99, 0], 24),  // 6to4 relays, deprecated, RFC 7526
    ([192, 168, 0, 0], 16),  // private, RFC 1918
    ([198, 18, 0, 0], 15),   // benchmarks, RFC 2544
    ([198, 51, 100, 0], 24), // documentation, RFC 5737
    ([203, 0, 113, 0], 24),  // documentation, RFC 5737
    ([224, 0, 0, 0], 4),     // multicast, RFC 5771
    ([240, 0, 0, 0], 4),     // reserved, and limited broadcast, RFC 1112 and RFC 919
];

/// Blocks within 2000::/3 that are not public. All that IPv6 has outside of it is not public either: loopback,
/// IPv4-mapped (RFC 4291), unique local (RFC 4193), link-local, site-local (RFC 3879), multicast, discard-only
/// (RFC 6666), local NAT64 (RFC 8215), segment routing (RFC 9602) and what is not given out yet.
const NOT_PUBLIC_V6: [([u16; 8], u32); 4] = [
    // Protocol assignments, RFC 2928: Teredo, which hides an IPv4 address (RFC 4380), benchmarks (RFC 5180),
    // ORCHID (RFC 4843, RFC 7343), drones (RFC 9374).
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation, RFC 3849
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),     // 6to4, hides an IPv4 address, deprecated by RFC 7526
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),     // documentation, RFC 9637
];

/// The block that was given out for hosts, RFC 4291.
const UNICAST_V6: ([u16; 8], u32) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// An IPv4 address behind a translator, RFC 6052. Where a network has IPv6 only, all of IPv4 looks like this.
const NAT64: ([u16; 8], u32) = ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// Whether anybody on the internet may reach the address.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |(first, bits): &([u8; 4], u32)| {
        let mask = u32::MAX << (32 - bits);
        address.to_bits() & mask == u32::from_be_bytes(*first)
    };
    !NOT_PUBLIC_V4.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if within_v6(address, &NAT64) {
        return is_public_v4(Ipv4Addr::from_bits(address.to_bits() as u32));
    }
    within_v6(address, &UNICAST_V6) && !NOT_PUBLIC_V6.iter().any(|block| within_v6(address, block))
}

fn within_v6(address: Ipv6Addr, (first, bits): &([u16; 8], u32)) -> bool {
    let mask = u128::MAX << (128 - bits);
    address.to_bits() & mask == Ipv6Addr::from(*first).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn both_ends_of_every_block_of_ipv4_are_not_public_and_their_neighbours_are() {
        // first, last, and whether the addresses right before and after are public
        let blocks = [
            ("0.0.0.0", "0.255.255.255", None, Some("1.0.0.0")),
            ("10.0.0.0", "10.255.255.255", Some("9.255.255.255"), Some("11.0.0.0")),
            ("100.64.0.0", "100.127.255.255", Some("100.63.255.255"), Some("100.128.0.0")),
            ("127.0.0.0", "127.255.255.255", Some("126.255.255.255"), Some("128.0.0.0")),
            ("169.254.0.0", "169.254.255.255", Some("169.253.255.255"), Some("169.255.0.0")),
            ("172.16.0.0", "172.31.255.255", Some("172.15.255.255"), Some("172.32.0.0")),
            ("192.0.0.0", "192.0.0.255", Some("191.255.255.255"), Some("192.0.1.0")),
            ("192.0.2.0", "192.0.2.255", Some("192.0.1.255"), Some("192.0.3.0")),
            ("192.31.196.0", "192.31.196.255", Some("192.31.195.255"), Some("192.31.197.0")),
            ("192.88.99.0", "192.88.99.255", Some("192.88.98.255"), Some("192.88.100.0")),
            ("192.168.0.0", "192.168.255.255", Some("192.167.255.255"), Some("192.169.0.0")),
            ("198.18.0.0", "198.19.255.255", Some("198.17.255.255"), Some("198.20.0.0")),
            ("198.51.100.0", "198.51.100.255", Some("198.51.99.255"), Some("198.51.101.0")),
            ("203.0.113.0", "203.0.113.255", Some("203.0.112.255"), Some("203.0.114.0")),
            ("224.0.0.0", "239.255.255.255", Some("223.255.255.255"), None),
            ("240.0.0.0", "255.255.255.255", None, None),
        ];
        assert_eq!(blocks.len(), NOT_PUBLIC_V4.len());
        for (first, last, before, after) in blocks {
            assert!(!public(first), "{first}");
            assert!(!public(last), "{last}");
            assert!(before.is_none_or(public), "before {first}");
            assert!(after.is_none_or(public), "after {last}");
        }
    }

    #[test]
    fn both_ends_of_every_block_of_ipv6_are_not_public_and_their_neighbours_are() {
        let ones = "ffff:ffff:ffff:ffff:ffff:ffff";
        let blocks = [
            ("2001::", format!("2001:1ff:{ones}"), Some(format!("2000:ffff:{ones}")), Some("2001:200::")),
            ("2001:db8::", format!("2001:db8:{ones}"), Some(format!("2001:db7:{ones}")), Some("2001:db9::")),
            ("2002::", format!("2002:ffff:{ones}"), Some(format!("2001:ffff:{ones}")), Some("2003::")),
            ("3fff::", format!("3fff:fff:{ones}"), Some(format!("3ffe:ffff:{ones}")), Some("3fff:1000::")),
            // outside of what is given out, on either side
            ("::", format!("1fff:ffff:{ones}"), None, Some("2000::")),
            ("4000::", format!("ffff:ffff:{ones}"), Some(format!("3fff:ffff:{ones}")), None),
        ];
        for (first, last, before, after) in blocks {
            assert!(!public(first), "{first}");
            assert!(!public(&last), "{last}");
            assert!(before.as_deref().is_none_or(public), "before {first}");
            assert!(after.is_none_or(public), "after {last}");
        }
    }

    #[test]
    fn every_private_kind_of_ipv6_is_not_public() {
        let table = [
            "::1",                  // loopback
            "::ffff:127.0.0.1",     // IPv4-mapped
            "::ffff:93.184.216.34", // IPv4-mapped, and public behind it: no name has such an address
            "::127.0.0.1",          // IPv4-compatible
            "fc00::1",              // unique local
            "fd00:ec2::254",        // the metadata of one cloud
            "fe80::1",              // link-local
            "febf::1",              // its end
            "fec0::1",              // site-local
            "ff02::1",              // multicast
            "100::1",               // discard
            "5f00::1",              // segment routing
            "64:ff9b:1::5db8:d822", // local NAT64
            "2001:0:4136:e378::1",  // Teredo
            "2002:7f00:1::",        // 6to4 of 127.0.0.1
        ];
        for address in table {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn behind_nat64_counts_the_address_that_is_translated() {
        assert!(public("64:ff9b::93.184.216.34"));
        for inner in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "255.255.255.255"] {
            assert!(!public(&format!("64:ff9b::{inner}")), "{inner}");
        }
    }

    #[test]
    fn well_known_servers_are_public() {
        for address in ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1"] {
            assert!(public(address), "{address}");
        }
    }
}
