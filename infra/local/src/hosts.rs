//! By which names the servers of one machine may be called.
//!
//! Who listens on a loopback address lets nobody in, but the browser of its user is in already. A page from elsewhere
//! whose own name was made to lead here (DNS rebinding) is, to that browser, of the same origin as this server, and
//! may read all its answers. Such a page calls the server by its own name, though, and cannot do otherwise.

use std::net::{IpAddr, SocketAddr};

use edge::{Code, Problem};
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// The names of a server: those of this machine that no DNS decides about, the address that it listens on, and the
/// name that its user gave it.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    listens_on: IpAddr,
    public: Option<String>,
}

impl Hosts {
    /// A server on this address, whose user calls it by the host of this URL too (`PUBLIC_URL`).
    pub(crate) fn new(listens_on: SocketAddr, public_url: Option<&str>) -> Self {
        let public = public_url.and_then(|url| url.parse::<Uri>().ok());
        let public = public.and_then(|url| url.host().map(str::to_ascii_lowercase));
        Self { listens_on: listens_on.ip().to_canonical(), public }
    }

    /// Whether nobody but this machine is meant to call it.
    pub(crate) fn are_of_this_machine_alone(&self) -> bool {
        self.listens_on.is_loopback() && self.public.as_deref().is_none_or(is_of_this_machine)
    }

    /// Lets a request pass that calls the server by one of its names.
    pub(crate) fn admit(&self, request: &Parts) -> Result<(), Problem> {
        let named = named(&request.uri, &request.headers);
        if named.is_some_and(|names| names.iter().all(|name| self.know(name.host()))) {
            return Ok(());
        }
        let detail = "the request names another host than this server: it answers at localhost, at loopback \
                      addresses, at the address that it listens on (--host), and at the host of PUBLIC_URL";
        Err(Problem::new(Code::Forbidden, detail))
    }

    fn know(&self, name: &str) -> bool {
        if is_of_this_machine(name) || self.public.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name))
        {
            return true;
        }
        // On every address of the machine: which those are it does not know, but no DNS leads to an address.
        let own = |ip: IpAddr| self.listens_on.is_unspecified() || ip.to_canonical() == self.listens_on;
        address(name).is_some_and(own)
    }
}

/// What is there for whoever sits at this machine. It asks for no token: whoever may read the folder reads all. So it
/// answers only where nobody else gets in, only to who calls it by a name of this machine, and not by the one that
/// `PUBLIC_URL` adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Privacy {
    here: bool,
}

impl Privacy {
    /// Of a server that listens there.
    pub(crate) fn new(listens_on: SocketAddr) -> Self {
        Self { here: listens_on.ip().is_loopback() }
    }

    /// Lets a request for it pass.
    pub(crate) fn admit(self, what: &str, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        if !self.here {
            let detail =
                format!("{what} is there only where the service listens on a loopback address (--host)");
            return Err(Problem::new(Code::NotFound, detail));
        }
        if !names_this_machine(uri, headers) {
            let detail = format!("{what} answers only at localhost, 127.0.0.1 or [::1]");
            return Err(Problem::new(Code::Forbidden, detail));
        }
        Ok(())
    }
}

/// Whether the request was sent to a name of this machine that no DNS decides about, such as `localhost`.
pub(crate) fn names_this_machine(uri: &Uri, headers: &HeaderMap) -> bool {
    named(uri, headers).is_some_and(|names| names.iter().all(|name| is_of_this_machine(name.host())))
}

/// What a request names as its host: in its target, in its one `Host` header, or in both. Nothing if it names none,
/// several in headers, or something that is no host.
fn named(uri: &Uri, headers: &HeaderMap) -> Option<Vec<Authority>> {
    let mut given = headers.get_all(HOST).iter();
    let header = given.next().map(|value| Authority::try_from(value.as_bytes())).transpose().ok()?;
    let names: Vec<_> = uri.authority().cloned().into_iter().chain(header).collect();
    let fine = given.next().is_none() && !names.is_empty();
    (fine && names.iter().all(|name| !name.as_str().contains('@'))).then_some(names)
}

fn is_of_this_machine(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || address(name).is_some_and(|ip| ip.to_canonical().is_loopback())
}

/// The address that stands in the place of a name.
fn address(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse().ok()
}

/// What requests call this machine, and what they call others, for the tests of all that asks.
#[cfg(test)]
pub(crate) mod names {
    pub(crate) const OF_THIS_MACHINE: &[&str] = &[
        "localhost:3000",
        "LOCALHOST",
        "127.0.0.1:3000",
        "127.0.0.1",
        "[::1]:3000",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "127.8.8.8",
    ];
    pub(crate) const OF_OTHERS: &[&[&str]] = &[
        &["evil.example:3000"],
        &["localhost.evil.example"],
        &["127.0.0.1.evil.example"],
        &["evil.example@localhost"],
        &["localhost@evil.example"],
        &["0.0.0.0:3000"],
        &["192.168.1.7"],
        &["2130706433"],
        &["local host"],
        &[""],
        &[],
        &["localhost", "evil.example"],
        &["localhost", "localhost"],
    ];
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn hosts(listens_on: &str, public_url: Option<&str>) -> Hosts {
        Hosts::new(listens_on.parse().unwrap(), public_url)
    }

    fn admitted(hosts: &Hosts, uri: &str, names: &[&str]) -> bool {
        let mut request = Request::builder().uri(uri);
        for name in names {
            request = request.header(HOST, *name);
        }
        hosts.admit(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn the_names_of_this_machine_are_those_that_no_dns_decides_about() {
        let hosts = hosts("127.0.0.1:3000", None);
        for name in names::OF_THIS_MACHINE {
            assert!(admitted(&hosts, "/", &[name]), "{name}");
        }
        for names in names::OF_OTHERS {
            assert!(!admitted(&hosts, "/", names), "{names:?}");
        }
        // The target may name the host too; then each name counts.
        assert!(admitted(&hosts, "http://localhost:3000/", &[]));
        assert!(admitted(&hosts, "http://localhost:3000/", &["localhost:3000"]));
        assert!(!admitted(&hosts, "http://evil.example/", &[]));
        assert!(!admitted(&hosts, "http://localhost/", &["evil.example"]));
        assert!(!admitted(&hosts, "http://evil.example/", &["localhost"]));
    }

    #[test]
    fn a_server_answers_at_its_own_address() {
        let one = hosts("192.168.1.7:3000", None);
        assert!(admitted(&one, "/", &["192.168.1.7:3000"]) && admitted(&one, "/", &["localhost"]));
        assert!(!admitted(&one, "/", &["192.168.1.8:3000"]) && !admitted(&one, "/", &["evil.example"]));
        for every in ["0.0.0.0:3000", "[::]:3000"] {
            let every = hosts(every, None);
            for name in ["0.0.0.0:3000", "192.168.1.7:3000", "[fd00::7]:3000", "localhost:3000"] {
                assert!(admitted(&every, "/", &[name]), "{name}");
            }
            assert!(!admitted(&every, "/", &["evil.example:3000"]));
        }
    }

    #[test]
    fn a_server_answers_at_the_name_that_its_user_gave_it() {
        let named = hosts("127.0.0.1:3000", Some("https://Jobs.example.com/app"));
        assert!(
            admitted(&named, "/", &["jobs.example.com"]) && admitted(&named, "/", &["JOBS.example.com:443"])
        );
        assert!(!admitted(&named, "/", &["example.com"]) && !admitted(&named, "/", &["x.jobs.example.com"]));
        assert!(!admitted(&hosts("127.0.0.1:3000", Some("no url")), "/", &["no url"]));
    }

    #[test]
    fn it_is_this_machines_alone_unless_others_were_let_in() {
        let alone = |at: &str, public: Option<&str>| hosts(at, public).are_of_this_machine_alone();
        assert!(alone("127.0.0.1:3000", None) && alone("[::1]:3000", Some("http://localhost:5173")));
        assert!(!alone("0.0.0.0:3000", None) && !alone("192.168.1.7:3000", Some("http://localhost:3000")));
        assert!(!alone("127.0.0.1:3000", Some("https://jobs.example.com")));
    }
}
