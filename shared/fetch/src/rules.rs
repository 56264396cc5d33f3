//! Which addresses may be asked for, as far as that can be said without a network.

use url::{Host, Url};

use crate::public::is_public;

/// Whom we fetch from, besides the public internet.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Origins such as `http://files.internal:8080` that are allowed although they are private or plain HTTP: a file
    /// server of one's own network. Exactly these: no other port, no other scheme, no name below.
    pub trusted_origins: Vec<String>,
}

/// An address that may be asked for.
#[derive(Clone)]
pub(crate) struct Allowed {
    /// The address, without a fragment.
    pub(crate) url: Url,
    /// Whether it is of a trusted origin: then it may lead anywhere.
    pub(crate) trusted: bool,
}

impl Config {
    /// Whether [`crate::Fetcher::get`] would ask for `url` at all. Which addresses its name has is known only then,
    /// so it may still refuse.
    ///
    /// # Errors
    /// Why not, in words that follow "the address": `is not https`.
    pub fn allows(&self, url: &str) -> Result<(), &'static str> {
        self.check(parse(url)?).map(|_| ())
    }

    /// The rules for every hop.
    pub(crate) fn check(&self, mut url: Url) -> Result<Allowed, &'static str> {
        url.set_fragment(None);
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user name in it");
        }
        let origin = url.origin();
        let is_ours = |trusted: &String| Url::parse(trusted).is_ok_and(|trusted| trusted.origin() == origin);
        if origin.is_tuple()
            && matches!(url.scheme(), "http" | "https")
            && self.trusted_origins.iter().any(is_ours)
        {
            return Ok(Allowed { url, trusted: true });
        }
        if url.scheme() != "https" {
            return Err("is not https");
        }
        if url.port_or_known_default() != Some(443) {
            return Err("has a port other than 443");
        }
        check_host(&url)?;
        Ok(Allowed { url, trusted: false })
    }
}

/// Reads an absolute address. The spellings of one IP address are many (`127.1`, `0x7f000001`); here they become one.
pub(crate) fn parse(url: &str) -> Result<Url, &'static str> {
    Url::parse(url).map_err(|_| "cannot be read")
}

fn check_host(url: &Url) -> Result<(), &'static str> {
    match url.host() {
        None => Err("has no host"),
        Some(Host::Ipv4(address)) if !is_public(address.into()) => Err("is of a private network"),
        Some(Host::Ipv6(address)) if !is_public(address.into()) => Err("is of a private network"),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => Ok(()),
        Some(Host::Domain(name)) => check_name(name),
    }
}

/// Names that never are of the public internet: one word, and those that RFC 6761 and RFC 6762 keep.
fn check_name(name: &str) -> Result<(), &'static str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    match name.rsplit_once('.') {
        None | Some((_, "localhost" | "local" | "internal")) => Err("is of a private network"),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> Option<&'static str> {
        Config::default().allows(url).err()
    }

    #[test]
    fn an_address_of_the_public_internet_is_allowed() {
        let table = [
            "https://example.com/a.pdf",
            "https://example.com:443/a.pdf?x=1#page=2",
            "HTTPS://EXAMPLE.COM/",
            "https://example.com./",
            "https://räksmörgås.example/Größe 1.pdf",
            "https://1.1.1.1/",
            "https://[2606:4700:4700::1111]/",
        ];
        for url in table {
            assert_eq!(refused(url), None, "{url}");
        }
    }

    #[test]
    fn everything_else_is_refused_and_says_why() {
        let private = "is of a private network";
        let table = [
            ("http://example.com/", "is not https"),
            ("ftp://example.com/", "is not https"),
            ("file:///etc/passwd", "is not https"),
            ("data:text/plain,x", "is not https"),
            ("javascript:alert(1)", "is not https"),
            ("/a.pdf", "cannot be read"),
            ("", "cannot be read"),
            ("https://", "cannot be read"),
            ("https://example.com:8443/", "has a port other than 443"),
            ("https://example.com:22/", "has a port other than 443"),
            ("https://ada@example.com/", "has a user name in it"),
            ("https://:secret@example.com/", "has a user name in it"),
            ("https://example.com@127.0.0.1/", "has a user name in it"),
            ("https://localhost/", private),
            ("https://localhost./", private),
            ("https://a.localhost/", private),
            ("https://printer.local/", private),
            ("https://metadata.google.internal/", private),
            ("https://intranet/", private),
            ("https://127.0.0.1/", private),
            ("https://127.1/", private),
            ("https://2130706433/", private),
            ("https://0x7f.0.0.1/", private),
            ("https://0177.0.0.1/", private),
            ("https://127.0.0.1./", private),
            ("https://①②⑦.0.0.1/", private),
            ("https://169.254.169.254/latest/meta-data/", private),
            ("https://0/", private),
            ("https://[::1]/", private),
            ("https://[::ffff:10.0.0.1]/", private),
            ("https://[fd00:ec2::254]/", private),
        ];
        for (url, why) in table {
            assert_eq!(refused(url), Some(why), "{url}");
        }
    }

    #[test]
    fn a_trusted_origin_is_trusted_exactly() {
        let config =
            Config { trusted_origins: vec!["http://files.internal:8080".to_owned(), "nonsense".to_owned()] };
        assert!(config.allows("http://files.internal:8080/a.pdf").is_ok());
        assert!(config.allows("http://FILES.internal:8080/a.pdf#x").is_ok());
        for other in [
            "http://files.internal/a.pdf",
            "http://files.internal:8081/a.pdf",
            "https://files.internal:8080/a.pdf",
            "http://a.files.internal:8080/a.pdf",
            "http://files.internal.example.com:8080/a.pdf",
            "http://ada:secret@files.internal:8080/a.pdf",
        ] {
            assert!(config.allows(other).is_err(), "{other}");
        }
    }

    #[test]
    fn origins_that_are_not_of_http_can_not_be_trusted() {
        let config =
            Config { trusted_origins: vec!["file:///".to_owned(), "ftp://files.internal".to_owned()] };
        assert!(config.allows("file:///etc/passwd").is_err());
        assert!(config.allows("ftp://files.internal/a").is_err());
    }
}
