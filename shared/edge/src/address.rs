//! Who is at the other end: what rate limits for strangers count by.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use lambda_http::request::RequestContext;

/// The caller's address, as a rate limit counts it.
///
/// API Gateway tells it in the request's context, a server of ours by `ConnectInfo`. `X-Forwarded-For` is
/// not read: anybody can write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The text to count by.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(parts: &Parts) -> Self {
        let told = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV1(context)) => context.identity.source_ip.clone(),
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
            _ => None,
        };
        let ip = match told {
            Some(text) => text.parse().ok(),
            None => parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()),
        };
        Self(ip.map_or_else(|| "unknown".to_owned(), bucket))
    }
}

/// One customer has a whole /64 of IPv6: each address for itself would be no limit.
fn bucket(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_one_customer_is_one_address() {
        assert_eq!(bucket("203.0.113.7".parse().unwrap()), "203.0.113.7");
        assert_eq!(bucket("::ffff:203.0.113.7".parse().unwrap()), "203.0.113.7");
        assert_eq!(bucket("2001:db8:1:2:3:4:5:6".parse().unwrap()), "2001:db8:1:2::/64");
    }

    #[test]
    fn a_header_cannot_forge_it() {
        let peer: SocketAddr = "198.51.100.1:9".parse().unwrap();
        let request = http::Request::builder()
            .header("x-forwarded-for", "203.0.113.7")
            .extension(ConnectInfo(peer))
            .body(())
            .unwrap();
        assert_eq!(Address::of(&request.into_parts().0).as_str(), "198.51.100.1");
        let silent = http::Request::builder().body(()).unwrap().into_parts().0;
        assert_eq!(Address::of(&silent).as_str(), "unknown");
    }
}
