//! The clock on a wall: between what it shows and the instants at which it shows it.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::time::Moment;

/// The timezone of a schedule that names none.
pub(super) const UTC: &str = "UTC";

/// The timezone of that IANA name, in any case.
pub(super) fn get(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some())
}

/// A moment as jiff has it; what lies before or after all of jiff's years is moved to their edge.
pub(super) fn stamp(moment: Moment) -> Timestamp {
    let edge = if moment.as_millis() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(moment.as_millis()).unwrap_or(edge)
}

/// An instant as records have it.
pub(super) fn moment(stamp: Timestamp) -> Moment {
    Moment::from_millis(stamp.as_millisecond())
}

/// When the clock first shows this time, or a later one if it jumps over it.
///
/// A later time never has an earlier instant, and two times have the same one if one jump hides both.
pub(super) fn reaches(zone: &TimeZone, shown: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(shown).ok(),
        // The clock shows it twice, with the old offset first.
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(shown).ok(),
        // Read with the new offset it lies before the jump, by less than the jump is wide.
        AmbiguousOffset::Gap { after, .. } => {
            Some(zone.following(after.to_timestamp(shown).ok()?).next()?.timestamp())
        }
    }
}

/// The last whole second that the clock has shown by now: all times up to it have been reached, none after it.
///
/// That is what it shows, but while it shows an hour again it is the end of that hour.
pub(super) fn reached(zone: &TimeZone, at: Timestamp) -> DateTime {
    let shown = zone.to_datetime(at);
    match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Fold { before, after } if zone.to_offset(at) == after => {
            let set_back =
                zone.preceding(at.saturating_add(SignedDuration::from_secs(1)).unwrap_or(at)).next();
            set_back.map_or(shown, |change| {
                before.to_datetime(change.timestamp()).saturating_sub(SignedDuration::from_secs(1))
            })
        }
        _ => shown,
    }
}
