//! What ties together the lines of the log that follow from one request or one message.

use domain::id::JobId;
use domain::time::{Clock, Entropy};

/// A fresh id in the form of X-Ray's: where no X-Ray is, there is an id all the same.
pub fn fresh(clock: &dyn Clock, entropy: &dyn Entropy) -> String {
    let mut random = [0; 12];
    entropy.fill(&mut random);
    let seconds = u32::try_from(clock.now().as_millis().div_euclid(1_000)).unwrap_or_default();
    format!("1-{seconds:08x}-{}", hex::encode(random))
}

/// A fresh id of a request or of a call, where nobody has given it one.
pub fn fresh_request(entropy: &dyn Entropy) -> String {
    let mut random = [0; 16];
    entropy.fill(&mut random);
    hex::encode(random)
}

/// The id in a trace header (`Root=1-...;Parent=...;Sampled=1`), if there is one of the right form.
pub fn root(header: &str) -> Option<&str> {
    let root = header.split(';').find_map(|part| part.trim().strip_prefix("Root="))?;
    let mut parts = root.split('-');
    let is_hex = |part: Option<&str>, length: usize| {
        part.is_some_and(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let fits = parts.next() == Some("1")
        && is_hex(parts.next(), 8)
        && is_hex(parts.next(), 24)
        && parts.next().is_none();
    fits.then_some(root)
}

/// Notes which job the request or the message is about: from here on each line of its log says so, and its line of
/// metrics too.
pub fn about(job: JobId) {
    tracing::Span::current().record("job", tracing::field::display(job));
    meter::emf::about(job);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{OsEntropy, SystemClock};

    #[test]
    fn a_fresh_id_is_one_of_x_rays_form() {
        let id = fresh(&SystemClock, &OsEntropy);
        assert_eq!(root(&format!("Root={id}")), Some(id.as_str()));
        assert_ne!(fresh(&SystemClock, &OsEntropy), id);
    }

    #[test]
    fn of_a_header_the_root_counts_and_only_in_its_form() {
        let id = "1-67891233-abcdef012345678912345678";
        for header in [
            format!("Root={id}"),
            format!("Root={id};Parent=53995c3f42cd8ad8;Sampled=1"),
            format!("Self=1-67891234-12456789abcdef012345678a; Root={id}"),
        ] {
            assert_eq!(root(&header), Some(id), "{header}");
        }
        for header in [
            "",
            id,
            "Root=",
            "Root=1-67891233",
            "Root=2-67891233-abcdef012345678912345678",
            "Root=1-67891233-abcdef012345678912345678-1",
            "Root=1-6789123g-abcdef012345678912345678",
            "Root=1-67891233-abcdef0123456789123456789",
            "Root=<script>",
        ] {
            assert_eq!(root(header), None, "{header}");
        }
    }
}
