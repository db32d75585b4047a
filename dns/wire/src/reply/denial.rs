//! The SOA record of denials, which nearly all denials of a zone have in common: laid out when the zone is
//! read, so that three pointers are all that is left to write.

use super::{Full, HEADER, Reply, Section};
use crate::{Class, Name, Type};

/// The data of an SOA record, whose names end in a pointer where they end in the name of the zone.
///
/// In one piece of memory: where the pointers of the first and of the second name stand, 0 if it has
/// none, and the data behind these two octets. Empty if it cannot be had so.
#[derive(Clone, Debug, Default)]
pub struct DenialSoa(Box<[u8]>);

impl DenialSoa {
    /// Lays out the data of the SOA record of the zone `apex`.
    #[must_use]
    pub fn new(apex: Name<'_>, rdata: &[u8]) -> Self {
        // The root is as short as a pointer to it.
        if apex.is_root() {
            return Self::default();
        }
        Self::lay_out(apex, rdata).unwrap_or_default()
    }

    fn lay_out(apex: Name<'_>, rdata: &[u8]) -> Option<Self> {
        let mut laid = vec![0, 0];
        let mut rest = rdata;
        for number in 0..2 {
            let name = Name::from_wire(rest).ok()?;
            let wire = name.as_wire();
            if name.is_at_or_below(apex) {
                laid.extend(wire.get(..wire.len() - apex.as_wire().len())?);
                laid[number] = u8::try_from(laid.len()).ok()?;
                laid.extend([0xc0, 0]);
            } else {
                laid.extend(wire);
            }
            rest = rest.get(wire.len()..)?;
        }
        laid.extend(rest);
        Some(Self(laid.into()))
    }

    /// Octets of memory beside itself.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl Reply<'_> {
    /// Appends the SOA record of the zone `apex` to a denial of the name in question, which is that of the
    /// zone or below it. `false` if it cannot be written so, and nothing is: [`Self::record`] can do it, if
    /// it fits.
    pub fn denial_soa(&mut self, apex: Name<'_>, ttl: u32, soa: &DenialSoa) -> bool {
        self.try_denial_soa(apex, ttl, soa).is_ok()
    }

    fn try_denial_soa(&mut self, apex: Name<'_>, ttl: u32, soa: &DenialSoa) -> Result<(), Full> {
        let (pointers, data) = soa.0.split_first_chunk::<2>().ok_or(Full)?;
        let question = self.question_name.ok_or(Full)?.as_wire().len();
        let place = HEADER + question.checked_sub(apex.as_wire().len()).ok_or(Full)?;
        let [high, low] = (0xc000 | place as u16).to_be_bytes();
        let ([t0, t1], [c0, c1]) = (Type::SOA.0.to_be_bytes(), Class::IN.0.to_be_bytes());
        let [l0, l1, l2, l3] = ttl.to_be_bytes();
        let [d0, d1] = (data.len() as u16).to_be_bytes();
        let start = self.at;
        self.whole([high, low, t0, t1, c0, c1, l0, l1, l2, l3, d0, d1], data)?;
        for &at in pointers.iter().filter(|at| **at > 0) {
            // Counted from the two octets before the data, which stand behind twelve.
            let at = start + 10 + usize::from(at);
            self.out.get_mut(at..at + 2).ok_or(Full)?.copy_from_slice(&[high, low]);
        }
        self.counts[Section::Authority as usize] += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NameBuf, Owner, Places, Query, Rcode};

    #[test]
    fn the_soa_of_a_denial_is_as_if_it_had_been_compressed_when_it_was_written() {
        for (apex, server, host) in [
            ("example.com.", "ns.example.com.", "host.example.com."),
            ("example.com.", "EXAMPLE.com.", "ns.elsewhere.test."),
            ("example.com.", "ns.elsewhere.test.", "a.b.c.Example.COM."),
            ("com.", "ns.example.com.", "."),
        ] {
            let [apex, server, host] =
                [apex, server, host].map(|text| text.parse::<NameBuf>().unwrap());
            let apex = apex.as_name();
            let mut rdata = [server.as_name().as_wire(), host.as_name().as_wire()].concat();
            rdata.extend(1..=20);
            let soa = DenialSoa::new(apex, &rdata);
            for below in ["", "no.", "no.such.name."] {
                let asked: NameBuf = format!("{below}{apex}").parse().unwrap();
                let mut octets = vec![0xab, 0xcd, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0];
                octets.extend(asked.as_name().as_wire());
                octets.extend([0, 1, 0, 1]);
                let query = Query::parse(&octets).unwrap();
                let (mut out, mut places) = ([0; 512], Places::default());
                let mut write = |is_laid_out: bool, limit: usize| {
                    let mut reply = Reply::new(&query, limit, &mut out, &mut places).unwrap();
                    let is_written = if is_laid_out {
                        reply.denial_soa(apex, 77, &soa)
                    } else {
                        let (owner, what) = (Owner::Name(apex), (Type::SOA, 77));
                        reply.record(Section::Authority, owner, what, &rdata).is_ok()
                    };
                    assert_eq!(reply.count(Section::Authority), u16::from(is_written));
                    let length = reply.finish(Rcode::NXDOMAIN);
                    out[..length].to_vec()
                };
                let whole = write(false, 512);
                // It may point less far back where the name of a server is outside the zone.
                if server.as_name().is_at_or_below(apex) && host.as_name().is_at_or_below(apex) {
                    assert_eq!(write(true, 512), whole, "{asked} {server} {host}");
                }
                let length = write(true, 512).len();
                assert_eq!(write(true, length).len(), length);
                assert_eq!(write(true, length - 1).len(), octets.len(), "nothing of it stays");
            }
        }
        let root = DenialSoa::new(Name::ROOT, &[0; 22]);
        assert_eq!(root.size(), 0);
    }
}
