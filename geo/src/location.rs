//! Coordinates and the distance between them.

/// A place on the globe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Location {
    /// Latitude in degrees, -90 to 90, north positive.
    pub lat: f64,
    /// Longitude in degrees, -180 to 180, east positive.
    pub lon: f64,
}

impl Location {
    /// The place at `lat` and `lon` degrees, or `None` for figures that are no place.
    pub(crate) fn new(lat: f64, lon: f64) -> Option<Self> {
        // NaN is in no range.
        let on_globe = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        on_globe.then_some(Self { lat, lon })
    }
}

/// The square of the distance between two places as PowerDNS measures it, in square degrees.
///
/// Degrees are taken as a flat grid that closes at the antimeridian: good for saying which of
/// several places is closest in the way PowerDNS says it, not for measuring. There is no
/// correction for the latitude, hence a degree of longitude counts as much in Oslo as in Quito.
#[must_use]
pub fn degrees_squared(a: Location, b: Location) -> f64 {
    let lat = a.lat - b.lat;
    let lon = (a.lon - b.lon).abs();
    let lon = if lon > 180.0 { 360.0 - lon } else { lon };
    lat * lat + lon * lon
}

/// The distance between two places along the surface of the globe, in kilometres.
///
/// By the haversine formula on a sphere, which is within half a percent of the truth.
#[must_use]
pub fn great_circle(a: Location, b: Location) -> f64 {
    const RADIUS: f64 = 6371.0088;
    let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let (from, to) = (a.lat.to_radians(), b.lat.to_radians());
    let chord = half(a.lat, b.lat) + from.cos() * to.cos() * half(a.lon, b.lon);
    2.0 * RADIUS * chord.min(1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_folds_at_the_antimeridian_both_ways() {
        let at = |lat, lon| Location { lat, lon };
        for (a, b, expected) in [
            (at(0.0, 0.0), at(3.0, 4.0), 25.0),
            (at(0.0, 179.0), at(0.0, -179.0), 4.0),
            (at(0.0, -179.0), at(0.0, 179.0), 4.0),
            (at(0.0, -90.0), at(0.0, 90.0), 32_400.0),
            (at(90.0, 0.0), at(-90.0, 0.0), 32_400.0),
            (at(52.5, 13.5), at(52.5, 13.5), 0.0),
        ] {
            assert_eq!(degrees_squared(a, b), expected, "{a:?} {b:?}");
        }
    }

    #[test]
    fn great_circles_are_measured_in_kilometres() {
        let at = |lat, lon| Location { lat, lon };
        for (a, b, expected) in [
            (at(52.5, 13.5), at(52.5, 13.5), 0.0),
            (at(0.0, 0.0), at(0.0, 90.0), 10_007.6),
            (at(0.0, 179.0), at(0.0, -179.0), 222.4),
            (at(90.0, 0.0), at(-90.0, 120.0), 20_015.1),
            (at(51.5, -0.1), at(40.7, -74.0), 5_572.0),
            // In Oslo a degree of longitude is half of what it is in Quito.
            (at(60.0, 0.0), at(60.0, 1.0), 55.6),
        ] {
            let found = great_circle(a, b);
            assert!((found - expected).abs() < 10.0, "{a:?} {b:?}: {found}");
            assert_eq!(found, great_circle(b, a), "{a:?} {b:?}");
        }
    }

    #[test]
    fn figures_off_the_globe_are_no_place() {
        for (lat, lon) in [(90.5, 0.0), (0.0, -180.5), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(Location::new(lat, lon), None, "{lat} {lon}");
        }
        assert!(Location::new(-90.0, 180.0).is_some());
    }
}
